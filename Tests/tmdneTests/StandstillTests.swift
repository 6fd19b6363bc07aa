import Coordinator
import Foundation
import SharedModel
import TestSupport
import Testing

extension EndToEnd {
    /// Processes that stand still without dying, as a laptop that sleeps or an engine that hangs, and hosts that are lost.
    @Suite struct StandstillTests {
        private static let sweep = SmallSweep(prompts: ["a", "b", "c", "d"], guidances: 20, steps: 20)

        @Test(
            "a coordinator or a worker that stands still for a while goes on as if nothing had been",
            .timeLimit(.minutes(Soak.size(2, soak: 10))))
        func standstill() async throws {
            let pause = Duration.seconds(Soak.size(3, soak: 60))
            for isCoordinator in [true, false] {
                try await Sandbox.with { sandbox in
                    try sandbox.write("sweep.yaml", Self.sweep.text)
                    let (coordinator, token) = try await sandbox.coordinator("sweep.yaml", 0, "--output", "out")
                    let workers = try (1...2).map { number in
                        try sandbox.start("worker", token, "--cache", "cache-\(number)", "--verbose")
                    }
                    try await eventually("some images") { workers[0].acknowledged.count > 3 ? () : nil }
                    let victim = isCoordinator ? coordinator : workers[0]
                    victim.signal(SIGSTOP)
                    try await Task.sleep(for: pause)
                    victim.signal(SIGCONT)
                    #expect(try await coordinator.end(within: .seconds(120)) == 0, "\(coordinator.complaints)")
                    // Who wakes when all is over tries for a minute to deliver what it finished.
                    for worker in workers {
                        #expect(try await worker.end(within: .seconds(120)) == 0, "\(worker.complaints)")
                    }
                    try await SweepAudit(sandbox, "out").expectWhole(Self.sweep)
                }
                Soak.record(
                    "\(isCoordinator ? "coordinator" : "worker") stands still for \(pause)",
                    injectedBy: "SIGSTOP, SIGCONT",
                    runs: 1, "whole")
            }
        }

        @Test(
            "a worker that is lost with its disk is replaced, and what it held goes to another", .timeLimit(.minutes(2))
        )
        func lostHost() async throws {
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", Self.sweep.text)
                let (coordinator, token) = try await sandbox.coordinator("sweep.yaml", 0, "--output", "out")
                let first = try sandbox.start("worker", token, "--cache", "cache-1", "--verbose")
                try await eventually("some images") { first.acknowledged.count > 3 ? () : nil }
                first.signal(SIGKILL)
                #expect(try await first.end() == -SIGKILL)
                let second = try sandbox.start("worker", token, "--cache", "cache-2", "--verbose")
                #expect(try await coordinator.end(within: .seconds(90)) == 0, "\(coordinator.complaints)")
                #expect(try await second.end() == 0)
                try await SweepAudit(sandbox, "out").expectWhole(Self.sweep)
                Soak.record("worker lost with its spool", injectedBy: "SIGKILL", runs: 1, "whole")
            }
        }

        @Test("a second interrupt does no harm", .timeLimit(.minutes(1)))
        func secondInterrupt() async throws {
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", Self.sweep.text)
                let run = try sandbox.start("run", "sweep.yaml", "--output", "out", "--cache", "cache")
                try await eventually("some images") {
                    (try? SweepAudit(sandbox, "out").done.count) ?? 0 > 3 ? () : nil
                }
                run.signal(SIGINT)
                try await Task.sleep(for: .milliseconds(20))
                run.signal(SIGINT)
                let code = try await run.end(within: .seconds(30))
                #expect(code == 1 || code == -SIGINT || code == 130, "\(code): \(run.complaints)")
                try await sandbox.succeed("check", "out")
                try await sandbox.succeed("run", "sweep.yaml", "--output", "out", "--cache", "cache")
                try await SweepAudit(sandbox, "out").expectWhole(Self.sweep)
                Soak.record("two interrupts", injectedBy: "SIGINT", runs: 1, "whole")
            }
        }
    }
}
