import Coordinator
import Foundation
import SharedModel
import TestSupport
import Testing

extension EndToEnd {
    /// Workers whose engine fails or ends their process, started again as systemd would.
    @Suite struct SickEngineTests {
        /// Starts a worker again whenever it ends, until the coordinator has ended.
        ///
        /// - Returns: How often it was ended by a signal or by the lack of memory.
        private static func supervise(
            _ arguments: [String], behind wrapper: [String], in sandbox: Sandbox, until coordinator: Launched,
            _ body: (Launched) async throws -> Void = { _ in }
        ) async throws -> Int {
            var deaths = 0
            while coordinator.isRunning {
                let worker = try sandbox.start(arguments, behind: wrapper)
                try await body(worker)
                let code = try await worker.end(within: .seconds(120))
                if code != 0 { deaths += 1 }
                try #require(deaths < 40, "\(worker.complaints)")
            }
            return deaths
        }

        @Test(
            "a cell that needs more memory than a host has fails in a sentence, its worker goes on, and the rest is done",
            .enabled("a process with little memory needs prlimit") {
                FileManager.default.isExecutableFile(atPath: "/usr/bin/prlimit")
            }, .timeLimit(.minutes(3)))
        func outOfMemory() async throws {
            // Rendered alone, 512x512 ends in 400 MB, and 768x768 lacks 113 MiB.
            let sweep = SmallSweep(prompts: ["a"], guidances: 2, steps: 1, extra: "size: [64x64, 768x768]")
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", sweep.text)
                let (coordinator, token) = try await sandbox.coordinator("sweep.yaml", 0, "--output", "out")
                let deaths = try await Self.supervise(
                    ["worker", token, "--cache", "cache", "--verbose"], behind: ["prlimit", "--data=400000000"],
                    in: sandbox, until: coordinator)
                #expect(try await coordinator.end() == 2, "\(coordinator.complaints)")
                #expect(deaths == 0)
                for row in try SweepAudit(sandbox, "out").rows {
                    #expect(row.state == (row.width == 64 ? "done" : "failed"))
                    #expect(row.width == 64 || row.reason?.contains("There is no memory for ") == true)
                }
                Soak.record(
                    "engine runs out of memory", injectedBy: "`prlimit --data`", runs: 1,
                    "the large cells are parked with the reason, the others done, the worker lives")
            }
        }

        @Test(
            "an engine that aborts now and then costs what it was rendering, and nothing else", .timeLimit(.minutes(2)))
        func aborts() async throws {
            let seed = Soak.seed(of: "engines that abort")
            var generator = SplitMix(state: seed)
            let sweep = SmallSweep(prompts: ["a", "b", "c"], guidances: 10, steps: 8)
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", sweep.text)
                let (coordinator, token) = try await sandbox.coordinator("sweep.yaml", 0, "--output", "out")
                var left = 4
                let deaths = try await Self.supervise(
                    ["worker", token, "--cache", "cache", "--verbose"], behind: [], in: sandbox, until: coordinator
                ) { worker in
                    guard left > 0 else { return }
                    left -= 1
                    try await eventually("an image: \(worker.complaints)") { worker.acknowledged.count > 1 ? () : nil }
                    try await Task.sleep(for: .milliseconds(Int.random(in: 0...100, using: &generator)))
                    worker.signal(SIGABRT)
                }
                #expect(deaths == 4)
                #expect(try await coordinator.end() == 0, "\(coordinator.complaints)")
                let audit = try SweepAudit(sandbox, "out")
                try audit.expectWhole(cells: sweep.cells)
                #expect(audit.rows.allSatisfy { $0.attempts <= 2 })
                Soak.record("engine aborts", injectedBy: "SIGABRT", runs: deaths, seed: seed, "whole")
            }
        }
    }
}
