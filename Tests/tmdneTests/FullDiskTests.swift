import Foundation
import Glibc
import Testing

extension EndToEnd {
    /// A coordinator whose disk is full.
    @Suite struct FullDiskTests {
        @Test(
            "a full disk pauses the sweep with a plain message, and room lets it end",
            .enabled("mounting a small disk needs the right to mount") { SmallDisk.canBeMounted },
            .timeLimit(.minutes(2)))
        func pausesAndResumes() async throws {
            let sweep = SmallSweep(prompts: ["a", "b", "c", "d", "e"], guidances: 40)
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", sweep.text)
                try FileManager.default.createDirectory(atPath: sandbox.file("disk"), withIntermediateDirectories: true)
                let disk = try SmallDisk(at: sandbox.file("disk"), megabytes: 1)
                defer { disk.unmount() }
                let run = try sandbox.start("run", "sweep.yaml", "--output", "disk/out", "--cache", "cache")
                try await eventually("the full disk is told: \(run.complaints)", within: .seconds(30)) {
                    run.complaints.contains("disk full") || !run.isRunning ? () : nil
                }
                #expect(run.isRunning, "\(run.complaints)")
                let status = try await sandbox.succeed("status", "disk/out")
                #expect(status.contains("disk-full"))
                try disk.resize(megabytes: 200)
                let code = try await run.end()
                #expect(code == 0, "\(run.complaints)")
                try SweepAudit(sandbox, "disk/out").expectWhole(cells: sweep.cells)
            }
        }
    }
}

/// A file system of its own, in memory.
private struct SmallDisk {
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

    init(at path: String, megabytes: Int) throws {
        self.path = path
        try #require(mount("tmpfs", path, "tmpfs", 0, "size=\(megabytes)m") == 0, "mounting failed")
    }

    func resize(megabytes: Int) throws {
        try #require(mount("tmpfs", path, "tmpfs", UInt(MS_REMOUNT), "size=\(megabytes)m") == 0)
    }

    /// At once, also while a process still has files open there.
    func unmount() {
        umount2(path, Int32(MNT_DETACH))
    }
}
