import Coordinator
import Foundation
import SharedModel
import Testing

extension EndToEnd {
    /// Several workers on one coordinator.
    @Suite struct SeveralWorkersTests {
        @Test(
            "a coordinator that may open few files takes in no more workers than it can store images of",
            .timeLimit(.minutes(1)))
        func fewFiles() async throws {
            let sweep = SmallSweep(guidances: 30)
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", sweep.text)
                let (coordinator, token) = try await sandbox.coordinator(
                    "sweep.yaml", at: "127.0.0.1:0", ["--output", "out"], behind: ["prlimit", "--nofile=64:64"])
                // They go on until the sweep is done.
                try await sandbox.succeed(
                    "simulate", token, "--workers", "60", "--seconds-per-image", "0.1", "--duration", "30")
                #expect(try await coordinator.end() == 0)
                #expect(try SweepAudit(sandbox, "out").done.count == sweep.cells)
            }
        }

        @Test(
            "two workers share a sweep, and one that is told to stop leaves its rest to the other",
            .timeLimit(.minutes(3)))
        func shareAndStop() async throws {
            let sweep = SmallSweep(prompts: ["a", "b", "c", "d"], guidances: 60)
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", sweep.text)
                let (coordinator, token) = try await sandbox.coordinator("sweep.yaml", 0, "--output", "out")
                // A spool each, as on two machines; the second takes the token where others cannot read it.
                let ada = try sandbox.start("worker", token, "--name", "ada", "--cache", "cache-ada", "-v")
                let emmy = try sandbox.start(
                    ["worker", "--name", "emmy", "--cache", "cache-emmy", "-v"], environment: ["TMDNE_JOIN": token])
                try await eventually("both have delivered: \(ada.complaints)\(emmy.complaints)") {
                    Self.rendered(by: ada).count > 5 && Self.rendered(by: emmy).count > 5 ? () : nil
                }
                ada.signal(SIGTERM)
                let stopping = ContinuousClock.now
                let code = try await ada.end(within: .seconds(10))
                #expect(code == 0, "\(ada.complaints)")
                // Its image takes a few hundredths of a second; the rest is for a machine that others keep busy.
                #expect(ContinuousClock.now - stopping < .seconds(10))
                #expect(coordinator.isRunning, "the sweep was not over yet")
                let (first, second) = (try await coordinator.end(), try await emmy.end())
                #expect(first == 0 && second == 0)

                let audit = try SweepAudit(sandbox, "out")
                try await audit.expectWhole(sweep)
                for cache in ["cache-ada", "cache-emmy"] { try audit.expectEmptySpools(below: cache) }
                #expect(audit.rows.allSatisfy { $0.attempts == 1 })
                let (byAda, byEmmy) = (Self.rendered(by: ada), Self.rendered(by: emmy))
                #expect(byAda.count + byEmmy.count == sweep.cells, "no cell is rendered twice")
                #expect(Set(byAda).isDisjoint(with: byEmmy))
                let workers = try SweepReader(audit.directory).status().workers
                #expect(workers.map(\.name).sorted() == ["ada", "emmy"])
                #expect(workers.allSatisfy { $0.done > 0 && $0.state == .away })
                #expect(workers.reduce(0) { $0 + $1.done } == sweep.cells)
            }
        }

        @Test(
            "a process keeps the program's name when it starts itself again with a limit on spinning",
            .timeLimit(.minutes(1)))
        func name() async throws {
            let sweep = SmallSweep()
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", sweep.text)
                let started = try sandbox.start(
                    ["coordinator", "sweep.yaml", "--listen", "127.0.0.1:0", "--output", "out"],
                    environment: ["GOMP_SPINCOUNT": ""])
                try await eventually("it serves: \(started.complaints)") {
                    started.text.contains("tmdne worker ") ? () : nil
                }
                #expect(started.name == "tmdne")
            }
        }

        private static func rendered(by worker: Launched) -> [CellKey] {
            worker.complaints.split(separator: "\n").filter { $0.contains(" rendered in ") }
                .compactMap { CellKey(hex: String($0.prefix(64))) }
        }
    }
}
