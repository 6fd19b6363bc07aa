import Coordinator
import Foundation
import SharedModel
import TestSupport
import Testing

extension EndToEnd {
    /// Cells that kill the processes that render them, or hang them.
    @Suite struct PoisonTests {
        private static let sweep = SmallSweep(prompts: ["old man at a blackboard"], guidances: 12)
        private static let poison = Decimal(5)

        @Test(
            "a cell that kills whoever renders it, and is begun again as by systemd, is parked after a few deaths and named",
            .timeLimit(.minutes(4)))
        func killing() async throws {
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", Self.sweep.text)
                let (coordinator, token) = try await sandbox.coordinator("sweep.yaml", 0, "--output", "out")
                var workers = try (1...3).map { try Self.worker($0, token) }
                defer { for worker in workers { worker.terminate() } }
                var deaths = 0
                try await eventually("the sweep ends: \(coordinator.complaints)", within: .seconds(180)) {
                    for (number, worker) in workers.enumerated() where !worker.isRunning {
                        deaths += worker.terminationReason == .uncaughtSignal ? 1 : 0
                        if coordinator.isRunning { workers[number] = try Self.worker(number + 1, token) }
                    }
                    return coordinator.isRunning ? nil : ()
                }
                #expect(try await coordinator.end() == 2, "\(coordinator.complaints)")

                let rows = try SweepAudit(sandbox, "out").rows
                let failed = rows.filter { $0.state == "failed" }
                #expect(failed.map(\.guidance) == [Self.poison])
                #expect(rows.count { $0.state == "done" } == Self.sweep.cells - 1)
                let reason = try #require(failed.first?.reason)
                #expect(reason.contains("workers ended while they had it alone"), "\(reason)")
                #expect(coordinator.text.contains(reason), "\(coordinator.text)")
                // Three alone park it, of which the last may not be counted here, and no more than find it in its shard.
                #expect((2...12).contains(deaths), "\(deaths)")
                Soak.record("cell that kills whoever renders it", injectedBy: "SIGKILL", runs: deaths, "parked")
            }
        }

        private static func worker(_ number: Int, _ token: String) throws -> Process {
            let identity = String(repeating: "\(number)", count: 32)
            return try PythonWorker.start([token, "--dies-at", "\(poison)", "--identity", identity])
        }

        @Test(
            "a worker that hangs in a cell, and says that it lives, loses it, though nobody else is there to have it",
            .enabled("this is for scripts/soak") { Soak.isOn }, .timeLimit(.minutes(4)))
        func hanging() async throws {
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", Self.sweep.text)
                let (coordinator, token) = try await sandbox.coordinator("sweep.yaml", 0, "--output", "out")
                let output = Pipe()
                let hung = try PythonWorker.start([token, "--hangs-at", "\(Self.poison)"], output: output)
                defer { hung.terminate() }
                try await eventually("it hangs long enough", within: .seconds(150)) { hung.isRunning ? nil : () }
                let said = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
                #expect(said.contains("the lease is lost"), "\(said)")
                let other = try sandbox.start("worker", token, "--cache", "cache", "--verbose")
                #expect(try await coordinator.end(within: .seconds(60)) == 0, "\(coordinator.complaints)")
                #expect(try await other.end() == 0, "\(other.complaints)")
                try await SweepAudit(sandbox, "out").expectWhole(cells: Self.sweep.cells)
                Soak.record("worker that hangs in a cell", injectedBy: "worker.py --hangs-at", runs: 1, "whole")
            }
        }
    }
}
