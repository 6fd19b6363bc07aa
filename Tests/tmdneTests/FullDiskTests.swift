import Foundation
import Glibc
import TestSupport
import Testing

extension EndToEnd {
    /// A coordinator whose disk is full.
    @Suite struct FullDiskTests {
        private static let sweep = SmallSweep(prompts: ["a", "b", "c", "d", "e"], guidances: 80)

        @Test(
            "a disk without room for a sweep pauses it before an image, and room lets it end",
            .enabled("mounting a small disk needs the right to mount") { SmallDisk.canBeMounted },
            .timeLimit(.minutes(2)))
        func tooSmall() async throws {
            try await Sandbox.with { sandbox in
                let disk = try SmallDisk(in: sandbox, megabytes: 1)
                defer { disk.unmount() }
                let run = try await Self.startUntilFull(in: sandbox) {}
                let status = try await sandbox.succeed("status", "disk/out")
                #expect(status.contains("small: disk-full\n"))
                #expect(status.contains(" 0 done") && status.contains("MiB are needed"))
                try disk.resize(megabytes: 200)
                try await Self.expectEnd(of: run, in: sandbox)
            }
        }

        @Test(
            "a disk that another program fills pauses the sweep, and room lets it end",
            .enabled("mounting a small disk needs the right to mount") { SmallDisk.canBeMounted },
            .timeLimit(.minutes(2)))
        func filledMeanwhile() async throws {
            try await Sandbox.with { sandbox in
                let disk = try SmallDisk(in: sandbox, megabytes: 100)
                defer { disk.unmount() }
                let run = try await Self.startUntilFull(in: sandbox) {
                    try await eventually("some images are done") {
                        (try? SweepAudit(sandbox, "disk/out").done.count) ?? 0 > 5 ? () : nil
                    }
                    try disk.fill()
                }
                try disk.empty()
                try await Self.expectEnd(of: run, in: sandbox)
            }
        }

        @Test(
            "a disk that has room, but no more of it for the names of files, pauses the sweep, and more lets it end",
            .enabled("mounting a small disk needs the right to mount") { SmallDisk.canBeMounted },
            .timeLimit(.minutes(2)))
        func outOfInodes() async throws {
            try await Sandbox.with { sandbox in
                let disk = try SmallDisk(in: sandbox, megabytes: 200, inodes: 120)
                defer { disk.unmount() }
                let run = try await Self.startUntilFull(in: sandbox) {}
                let status = try await sandbox.succeed("status", "disk/out")
                #expect(status.contains("small: disk-full\n") && status.contains("more inodes"), "\(status)")
                // Images were made until then.
                let done = try SweepAudit(sandbox, "disk/out").done.count
                #expect(done > 0 && done < Self.sweep.cells)
                try disk.resize(megabytes: 200, inodes: 4000)
                try await Self.expectEnd(of: run, in: sandbox)
            }
        }

        @Test(
            "a worker whose spool has no room says so, and goes on when there is some",
            .enabled("mounting a small disk needs the right to mount") { SmallDisk.canBeMounted },
            .timeLimit(.minutes(2)))
        func fullSpool() async throws {
            try await Sandbox.with { sandbox in
                let disk = try SmallDisk(in: sandbox, megabytes: 4)
                defer { disk.unmount() }
                try sandbox.write("sweep.yaml", Self.sweep.text)
                let (coordinator, token) = try await sandbox.coordinator("sweep.yaml", 0, "--output", "out")
                let worker = try sandbox.start("worker", token, "--cache", "disk/cache", "--verbose")
                try await eventually("some images") { worker.acknowledged.count > 3 ? () : nil }
                try await eventually("the full spool is told: \(worker.complaints)", within: .seconds(30)) {
                    // Again and again: each image that is delivered leaves room for another.
                    try disk.fill()
                    return worker.complaints.contains("No space left on device") || !worker.isRunning ? () : nil
                }
                try #require(worker.isRunning && coordinator.isRunning, "\(worker.complaints)")
                try disk.empty()
                #expect(try await coordinator.end(within: .seconds(90)) == 0, "\(coordinator.complaints)")
                #expect(try await worker.end() == 0, "\(worker.complaints)")
                let audit = try SweepAudit(sandbox, "out")
                try await audit.expectWhole(Self.sweep)
                try audit.expectEmptySpools(below: "disk/cache")
                Soak.record("full disk under the spool", injectedBy: "tmpfs of 4 MiB", runs: 1, "whole")
            }
        }

        /// Starts the sweep and waits until it says that the disk is full.
        private static func startUntilFull(
            in sandbox: Sandbox, _ body: () async throws -> Void
        ) async throws -> Launched {
            try sandbox.write("sweep.yaml", sweep.text)
            let run = try sandbox.start("run", "sweep.yaml", "--output", "disk/out", "--cache", "cache")
            try await body()
            try await eventually("the full disk is told: \(run.complaints)", within: .seconds(30)) {
                run.complaints.contains("disk full") || !run.isRunning ? () : nil
            }
            try #require(run.isRunning, "\(run.complaints)")
            return run
        }

        private static func expectEnd(of run: Launched, in sandbox: Sandbox) async throws {
            let code = try await run.end()
            #expect(code == 0, "\(run.complaints)")
            try await SweepAudit(sandbox, "disk/out").expectWhole(sweep)
            Soak.record("full disk under images and database", injectedBy: "tmpfs", runs: 1, "whole")
        }
    }
}

/// A file system of its own, in memory.
struct SmallDisk {
    private let path: String

    /// Whether this process may mount, found out by mounting.
    static var canBeMounted: Bool {
        let path = FileManager.default.temporaryDirectory.appending(path: "tmdne-mount-\(UUID().uuidString)").path
        guard mkdir(path, 0o700) == 0 else { return false }
        defer { rmdir(path) }
        guard let disk = try? SmallDisk(at: path, megabytes: 1) else { return false }
        disk.unmount()
        return true
    }

    /// Mounts `disk` in a sandbox, with room for so many bytes and so many files and folders.
    init(in sandbox: Sandbox, megabytes: Int, inodes: Int = 10_000) throws {
        let path = sandbox.file("disk")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try self.init(at: path, megabytes: megabytes, inodes: inodes)
    }

    private init(at path: String, megabytes: Int, inodes: Int = 10_000) throws {
        self.path = path
        let size = "size=\(megabytes)m,nr_inodes=\(inodes)"
        try #require(mount("tmpfs", path, "tmpfs", 0, size) == 0, "mounting failed")
    }

    func resize(megabytes: Int, inodes: Int = 10_000) throws {
        let size = "size=\(megabytes)m,nr_inodes=\(inodes)"
        try #require(mount("tmpfs", path, "tmpfs", UInt(MS_REMOUNT), size) == 0)
    }

    /// Leaves not a byte of room.
    func fill() throws {
        if !FileManager.default.fileExists(atPath: ballast) { try Data().write(to: URL(filePath: ballast)) }
        let file = try FileHandle(forWritingTo: URL(filePath: ballast))
        try file.seekToEnd()
        for size in [1 << 20, 1 << 12] {
            while (try? file.write(contentsOf: Data(count: size))) != nil {}
        }
    }

    func empty() throws {
        try FileManager.default.removeItem(atPath: ballast)
    }

    private var ballast: String { "\(path)/ballast" }

    /// At once, also while a process still has files open there.
    func unmount() {
        umount2(path, Int32(MNT_DETACH))
    }
}
