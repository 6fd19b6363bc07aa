import Coordinator
import Foundation
import SharedModel
import TestSupport
import Testing

extension EndToEnd {
    /// Coordinator and worker die at random moments, and the sweep ends as if nothing had happened.
    @Suite struct KillTests {
        private enum Victim: CaseIterable {
            case coordinator
            case worker
            case both
        }

        @Test(
            "a coordinator and a worker that are killed again and again lose nothing and do nothing twice",
            .timeLimit(.minutes(Soak.size(4, soak: 30))))
        func survivesKills() async throws {
            let seed = Soak.seed(of: "the kills")
            let rounds = Soak.runs(24, soak: 150)
            var generator = SplitMix(state: seed)
            let sweep = SmallSweep(
                prompts: ["a", "b", "c", "d", "e", "f"], guidances: Soak.runs(20, soak: 120), steps: 4)
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", sweep.text)
                var (coordinator, token) = try await sandbox.coordinator("sweep.yaml", 0, "--output", "out")
                let port = try JoinToken(parsing: token).port
                var workers = [try sandbox.start("worker", token, "--cache", "cache", "--verbose")]
                var kills = 0
                for round in 1...rounds {
                    let threshold = round * sweep.cells / (rounds + 8)
                    try await eventually("\(threshold) images, with \(workers.last?.complaints ?? "")") {
                        try SweepAudit(sandbox, "out").done.count >= threshold ? () : nil
                    }
                    let victim = Victim.allCases.randomElement(using: &generator) ?? .both
                    let worker = try #require(workers.last)
                    if Bool.random(using: &generator) {
                        try await Task.sleep(for: .milliseconds(Int.random(in: 0...60, using: &generator)))
                    } else {
                        // The moment that finds out an acknowledgement which comes before what it promises.
                        let known = worker.complaints.utf8.count
                        try await eventually(
                            "another acknowledgement in round \(round), with \(worker.complaints.suffix(2000))",
                            every: .microseconds(100)
                        ) {
                            worker.complaints.utf8.dropFirst(known).contains(" stored\n".utf8) ? () : nil
                        }
                    }
                    try #require(coordinator.isRunning && worker.isRunning)
                    if victim != .worker { coordinator.signal(SIGKILL) }
                    if victim != .coordinator { worker.signal(SIGKILL) }
                    kills += victim == .both ? 2 : 1
                    if victim != .worker {
                        #expect(try await coordinator.end() == -SIGKILL)
                        let acknowledged = workers.reduce(into: Set()) { $0.formUnion($1.acknowledged) }
                        try SweepAudit(sandbox, "out").expectKept(acknowledged)
                        let again = try await sandbox.coordinator("out", port)
                        coordinator = again.process
                        #expect(again.token == token, "the secret and the port are kept, so that workers come back")
                    }
                    if victim != .coordinator {
                        #expect(try await worker.end() == -SIGKILL)
                        workers.append(try sandbox.start("worker", token, "--cache", "cache", "--verbose"))
                    }
                }
                #expect(try await coordinator.end(within: .seconds(90)) == 0, "\(coordinator.complaints)")
                #expect(try await workers.last?.end() == 0)
                #expect(kills >= rounds)

                let audit = try SweepAudit(sandbox, "out")
                try await audit.expectWhole(sweep)
                let acknowledged = workers.reduce(into: Set()) { $0.formUnion($1.acknowledged) }
                #expect(audit.done.isSuperset(of: acknowledged))
                #expect(acknowledged.count > sweep.cells / 2, "most of the acknowledgements are in the workers' logs")
                // Each cell is committed in one attempt; a kill may be blamed on the one cell that was being rendered.
                #expect(audit.rows.allSatisfy { $0.attempts >= 1 })
                #expect(audit.rows.reduce(0) { $0 + $1.attempts } <= sweep.cells + kills)
                #expect(try audit.grants() <= sweep.cells + 2 * kills)
                try audit.expectEmptySpools(below: "cache")
                Soak.record(
                    "coordinator and worker killed", injectedBy: "SIGKILL at random instants", runs: kills, seed: seed,
                    "whole, \(acknowledged.count) acknowledgements checked")
            }
        }

        @Test(
            "a coordinator that is killed between an answer and anything that follows has stored what it acknowledged",
            .enabled("a slow database needs strace") { DiskFaultTests.canTrace },
            .timeLimit(.minutes(Soak.size(3, soak: 20))))
        func answersAfterCommit() async throws {
            let rounds = Soak.runs(4, soak: 40)
            let sweep = SmallSweep(guidances: Soak.runs(20, soak: 100))
            // Each page that SQLite writes takes its time, so that a commit that was announced too soon is caught half-way.
            let slow = [
                "strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "trace=pwrite64", "-e",
                "inject=pwrite64:delay_enter=20000",
            ]
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", sweep.text)
                var (coordinator, token) = try await sandbox.coordinator(
                    "sweep.yaml", at: "127.0.0.1:0", ["--output", "out"], behind: slow)
                let port = try JoinToken(parsing: token).port
                let worker = try sandbox.start("worker", token, "--cache", "cache", "--verbose")
                for round in 1...rounds {
                    let known = worker.acknowledged.count
                    try await eventually("another acknowledgement", every: .microseconds(200)) {
                        worker.acknowledged.count > known ? () : nil
                    }
                    coordinator.killTraced()
                    _ = try await coordinator.end()
                    try SweepAudit(sandbox, "out").expectKept(worker.acknowledged)
                    let wrapper = round < rounds ? slow : []
                    coordinator = try await sandbox.coordinator("out", at: "127.0.0.1:\(port)", [], behind: wrapper)
                        .process
                }
                #expect(try await coordinator.end(within: .seconds(90)) == 0, "\(coordinator.complaints)")
                #expect(try await worker.end() == 0)
                let audit = try SweepAudit(sandbox, "out")
                try await audit.expectWhole(sweep)
                try audit.expectEmptySpools(below: "cache")
            }
            Soak.record(
                "coordinator killed as it answers", injectedBy: "SIGKILL, `strace` delays pwrite64", runs: rounds,
                "whole")
        }
    }
}
