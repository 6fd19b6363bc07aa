import Coordinator
import Foundation
import SharedModel
import TestSupport
import Testing

extension EndToEnd {
    /// Random faults for as long as one likes.
    @Suite struct FaultHourTests {
        private enum Fault: CaseIterable {
            case killCoordinator
            case killWorker
            case stopCoordinator
            case stopWorker
            case endWorker
        }

        @Test(
            "sweeps end whole through an hour of random faults, and no process grows",
            .enabled("this is for scripts/soak") { Soak.isOn }, .timeLimit(.minutes(600)))
        func hour() async throws {
            let hours = ProcessInfo.processInfo.environment["TMDNE_HOURS"].flatMap(Double.init) ?? 1
            let deadline = ContinuousClock.now + .seconds(3600 * hours)
            let seed = Soak.seed(of: "the hour of faults")
            var generator = SplitMix(state: seed)
            var (sweeps, faults, descriptors, kilobytes) = (0, 0, 0, 0)
            while ContinuousClock.now < deadline {
                sweeps += 1
                try await Sandbox.with { sandbox in
                    let sweep = SmallSweep(prompts: (0..<6).map { "p\($0)" }, guidances: 40, steps: 3)
                    try sandbox.write("sweep.yaml", sweep.text)
                    var (coordinator, token) = try await sandbox.coordinator("sweep.yaml", 0, "--output", "out")
                    let port = try JoinToken(parsing: token).port
                    func worker(_ number: Int) throws -> Launched {
                        try sandbox.start("worker", token, "--cache", "cache-\(number)", "--verbose")
                    }
                    var workers = [try worker(0), try worker(1)]
                    var acknowledged: Set<CellKey> = []
                    while coordinator.isRunning, ContinuousClock.now < deadline + .seconds(120) {
                        try await Task.sleep(for: .milliseconds(Int.random(in: 100...1200, using: &generator)))
                        descriptors = max(descriptors, coordinator.openFiles)
                        kilobytes = max(kilobytes, coordinator.residentKilobytes)
                        guard coordinator.isRunning, ContinuousClock.now < deadline else { continue }
                        let number = Int.random(in: 0...1, using: &generator)
                        faults += 1
                        switch Fault.allCases.randomElement(using: &generator) ?? .killWorker {
                        case .killCoordinator:
                            coordinator.signal(SIGKILL)
                            guard try await coordinator.end() == -SIGKILL else { continue }
                            coordinator = try await sandbox.coordinator("out", port).process
                        case .killWorker, .endWorker:
                            workers[number].signal(Bool.random(using: &generator) ? SIGKILL : SIGTERM)
                            _ = try await workers[number].end()
                            acknowledged.formUnion(workers[number].acknowledged)
                            workers[number] = try worker(number)
                        case .stopCoordinator, .stopWorker:
                            let victim = Bool.random(using: &generator) ? coordinator : workers[number]
                            victim.signal(SIGSTOP)
                            try await Task.sleep(for: .milliseconds(Int.random(in: 10...4000, using: &generator)))
                            victim.signal(SIGCONT)
                        }
                    }
                    let code = try await coordinator.end(within: .seconds(180))
                    let audit = try SweepAudit(sandbox, "out")
                    // Killed often enough in the same cell, a sweep ends with that cell parked: that is the promise too.
                    if code == 2 {
                        try await sandbox.succeed("retry", "out", "--failed")
                        try await sandbox.succeed("run", "sweep.yaml", "--output", "out", "--cache", "cache-0")
                    } else {
                        #expect(code == 0, "\(coordinator.complaints)")
                    }
                    for worker in workers {
                        acknowledged.formUnion(worker.acknowledged)
                        worker.signal(SIGKILL)
                        _ = try await worker.end()
                    }
                    #expect(audit.done.isSuperset(of: acknowledged))
                    try SweepAudit(sandbox, "out").expectWhole(cells: sweep.cells)
                }
            }
            #expect(descriptors < 100 && kilobytes < 256 * 1024)
            Soak.record(
                "\(Int((hours * 60).rounded())) minutes of random faults", injectedBy: "SIGKILL, SIGTERM, SIGSTOP",
                runs: faults,
                seed: seed,
                "\(sweeps) sweeps whole; coordinator at most \(kilobytes / 1024) MiB, \(descriptors) descriptors")
        }
    }
}

extension Launched {
    /// Descriptors that the process has open; 0 when it has ended.
    fileprivate var openFiles: Int {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(identifier)/fd").count) ?? 0
    }

    /// Memory of the process in KiB; 0 when it has ended.
    fileprivate var residentKilobytes: Int {
        let status = (try? String(contentsOfFile: "/proc/\(identifier)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return line.flatMap { Int($0.split(separator: " ").dropLast().last.map { "\($0)" } ?? "") } ?? 0
    }
}
