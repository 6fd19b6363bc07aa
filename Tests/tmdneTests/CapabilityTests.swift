import Coordinator
import Foundation
import SharedModel
import Testing

extension EndToEnd {
    /// Workers that say beforehand what they can't render.
    @Suite struct CapabilityTests {
        private static let sweep = SmallSweep(
            prompts: ["a", "b"], guidances: 4, extra: "size: [64x64, 1024x1024]")
        private static let positions = 2 * sweep.cells

        @Test(
            "a worker too small for some cells renders the others; people are told of the rest at once, and a larger one takes it",
            .timeLimit(.minutes(3)))
        func tooSmall() async throws {
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", Self.sweep.text)
                let (coordinator, token) = try await sandbox.coordinator("sweep.yaml", 0, "--output", "out")
                let small = try sandbox.start(
                    "worker", token, "--name", "small", "--cache", "cache-1", "--null-engine", "0.01", "--memory",
                    "512M",
                    "--verbose")
                #expect(try await small.end() == 0, "\(small.complaints)")
                #expect(small.acknowledged.count == Self.sweep.cells)
                #expect(small.complaints.contains("This worker can render none of the cells that are left."))

                let reason = "of memory at least at 1024x1024, and this worker may take 0.5 GB"
                let directory = SweepDirectory(URL(filePath: sandbox.file("out")))
                let message = try #require(try SweepReader(directory).status().message)
                let waiting = "\(Self.sweep.cells) cells wait for a worker that can render them; small can't: “tmdne"
                #expect(message.hasPrefix(waiting) && message.contains(reason), "\(message)")
                #expect(coordinator.complaints.contains(waiting), "\(coordinator.complaints)")
                #expect(try await sandbox.succeed("status", token).contains(waiting))

                // It comes back, holds nothing, and everything about it is said again.
                let again = try sandbox.start(
                    "worker", token, "--name", "small", "--cache", "cache-1", "--null-engine", "0.01", "--memory",
                    "512M")
                #expect(try await again.end() == 1)
                #expect(again.complaints.contains(reason), "\(again.complaints)")
                let explained = try await sandbox.succeed("explain", "out", "\(Self.sweep.cells)")
                #expect(explained.contains("small could not have it. “tmdne-tiny” takes"), "\(explained)")
                let worker = try await sandbox.succeed("explain", "out", "small")
                #expect(worker.contains("It is not granted every cell: “tmdne-tiny” takes"), "\(worker)")

                let large = try sandbox.start(
                    "worker", token, "--name", "large", "--cache", "cache-2", "--null-engine", "0", "--memory", "4G",
                    "--verbose")
                let codes = [try await coordinator.end(), try await large.end()]
                #expect(codes == [0, 0], "\(coordinator.complaints)\(large.complaints)")
                #expect(large.acknowledged.count == Self.sweep.cells)
                try await SweepAudit(sandbox, "out").expectWhole(cells: Self.positions)
            }
        }

        @Test("a sweep that one machine renders ends, and says which picture is too large", .timeLimit(.minutes(2)))
        func alone() async throws {
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", Self.sweep.text)
                let run = try await sandbox.run(
                    "run", "sweep.yaml", "--output", "out", "--cache", "cache", "--memory", "512M")
                #expect(run.code == 1 || run.code == 2, "\(run.complaints)")
                let told = run.output + run.complaints
                #expect(told.contains("A picture of 1024x1024 pixels takes"), "\(told)")
            }
        }

        @Test("doctor tells how much memory there is, and what limits it", .timeLimit(.minutes(1)))
        func doctor() async throws {
            try await Sandbox.with { sandbox in
                let narrow = try sandbox.start(["doctor"], behind: ["prlimit", "--as=1500000000"])
                _ = try await narrow.end()
                #expect(narrow.text.contains("MiB in this machine"))
                #expect(narrow.text.contains("the limit on addresses (ulimit -v) leaves "), "\(narrow.text)")
            }
        }
    }
}
