import Coordinator
import Foundation
import SharedModel
import TestSupport
import Testing

extension EndToEnd {
    /// Workers that can't get the memory for a picture, and workers that crash.
    @Suite struct ShortMemoryTests {
        private static let large = SmallSweep(name: "large", prompts: ["a"], guidances: 2, extra: "size: 1024x1024")
        private static let small = SmallSweep(prompts: ["a", "b"], guidances: 40)

        /// The program with fewer addresses than a large picture takes, and enough for a small one: before it renders it has
        /// taken about 700 MB of addresses, most of them without memory.
        private static let narrow = ["prlimit", "--as=1200000000"]

        @Test(
            "a worker without the memory for a picture gives it back with the reason and ends, and another renders it",
            .timeLimit(.minutes(3)))
        func tooLarge() async throws {
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", Self.large.text)
                let (coordinator, token) = try await sandbox.coordinator("sweep.yaml", 0, "--output", "out")
                let narrow = try sandbox.start(
                    ["worker", token, "--cache", "cache-1", "--verbose"], behind: Self.narrow)
                let code = try await narrow.end()
                #expect(code == 1, "\(code): \(narrow.complaints)")
                #expect(
                    narrow.complaints.contains("of memory at least at 1024x1024 in fp32, and this worker may take 0."),
                    "\(narrow.complaints)")
                #expect(
                    coordinator.complaints.contains("2 cells wait for a worker that can render them"),
                    "\(coordinator.complaints)")
                #expect(coordinator.isRunning)
                let wide = try sandbox.start("worker", token, "--cache", "cache-2", "--verbose")
                let codes = [try await coordinator.end(within: .seconds(120)), try await wide.end()]
                #expect(codes == [0, 0], "\(coordinator.complaints)\(wide.complaints)")
                try await SweepAudit(sandbox, "out").expectWhole(cells: Self.large.cells)
            }
        }

        @Test("a limit on addresses keeps nobody from what fits within it", .timeLimit(.minutes(2)))
        func fits() async throws {
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", Self.small.text)
                let (coordinator, token) = try await sandbox.coordinator("sweep.yaml", 0, "--output", "out")
                let worker = try sandbox.start(["worker", token, "--cache", "cache"], behind: Self.narrow)
                let codes = [try await coordinator.end(within: .seconds(60)), try await worker.end()]
                #expect(codes == [0, 0], "\(worker.complaints)")
                try await SweepAudit(sandbox, "out").expectWhole(Self.small)
            }
        }

        @Test(
            "a worker that crashes is gone at once, and started again it goes on", .timeLimit(.minutes(2)),
            arguments: [SIGABRT, SIGSEGV, SIGILL])
        func crash(signal: Int32) async throws {
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", Self.small.text)
                let (coordinator, token) = try await sandbox.coordinator("sweep.yaml", 0, "--output", "out")
                // As for people, who set neither.
                let environment = ["GOMP_SPINCOUNT": "", "SWIFT_BACKTRACE": ""]
                let first = try sandbox.start(
                    ["worker", token, "--cache", "cache", "--verbose"], environment: environment)
                try await eventually("some images") { first.acknowledged.count > 2 ? () : nil }
                first.signal(signal)
                // A process that writes down its threads first takes 5 s and more.
                #expect(try await first.end(within: .seconds(2)) == -signal, "\(first.complaints)")
                #expect(coordinator.isRunning)
                let second = try sandbox.start("worker", token, "--cache", "cache", "--verbose")
                let codes = [try await coordinator.end(within: .seconds(60)), try await second.end()]
                #expect(codes == [0, 0], "\(coordinator.complaints)\(second.complaints)")
                let audit = try SweepAudit(sandbox, "out")
                try await audit.expectWhole(Self.small)
                try audit.expectEmptySpools(below: "cache")
                Soak.record("worker crashes", injectedBy: "signal \(signal)", runs: 1, "whole")
            }
        }
    }
}
