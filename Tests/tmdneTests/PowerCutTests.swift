import Coordinator
import Foundation
import SharedModel
import TestSupport
import Testing

extension EndToEnd {
    /// A host that loses power: the block device keeps what was written back, and nothing that only the kernel had.
    @Suite struct PowerCutTests {
        @Test(
            "what was acknowledged before a power cut is there after it",
            .enabled("a disk of its own needs root, mkfs.ext4 and loop devices") { LoopDisk.canBeMounted },
            .timeLimit(.minutes(Soak.size(2, soak: 30))))
        func survivesPowerCuts() async throws {
            let lost = try await Self.cut(points: Soak.runs(4, soak: 200), behind: [])
            #expect(lost == 0)
        }

        @Test(
            "without its syncs the coordinator loses what it acknowledged, so that the test above can fail",
            .enabled("a disk of its own needs root, mkfs.ext4 and loop devices") { LoopDisk.canBeMounted },
            .enabled("making system calls do nothing needs strace") { DiskFaultTests.canTrace },
            .timeLimit(.minutes(2)))
        func needsItsSyncs() async throws {
            let calls = "fsync,fdatasync"
            let lost = try await Self.cut(
                points: 2,
                behind: [
                    "strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "trace=\(calls)", "-e",
                    "inject=\(calls):retval=0",
                ])
            #expect(lost > 0)
        }

        /// Cuts the power at random points of a sweep, by copying the disk while the coordinator stands still.
        ///
        /// - Returns: Acknowledged images that the copies do not hold.
        private static func cut(points: Int, behind wrapper: [String]) async throws -> Int {
            let fault = wrapper.isEmpty ? "power cut" : "power cut without syncs"
            let seed = Soak.seed(of: fault)
            var generator = SplitMix(state: seed)
            let sweep = SmallSweep(prompts: (0..<10).map { "p\($0)" }, guidances: Soak.runs(12, soak: 240), steps: 2)
            var lost = 0
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", sweep.text)
                let disk = try await LoopDisk(in: sandbox, megabytes: Soak.size(96, soak: 200))
                defer { disk.unmount() }
                let (coordinator, token) = try await sandbox.coordinator(
                    "sweep.yaml", at: "127.0.0.1:0", ["--output", "disk/out"], behind: wrapper)
                let worker = try sandbox.start("worker", token, "--cache", "cache", "--verbose")
                for point in 1...points {
                    try await eventually("an image more: \(worker.complaints.suffix(500))") {
                        worker.acknowledged.count >= point * sweep.cells / (points + 2) ? () : nil
                    }
                    try await Task.sleep(for: .milliseconds(Int.random(in: 0...40, using: &generator)))
                    // Read first: what is acknowledged later may be on the copy or not.
                    let acknowledged = worker.acknowledged
                    try await disk.copy(while: coordinator)
                    if wrapper.isEmpty, point % 4 == 0 {
                        // The power fails again while the coordinator gets over the first time.
                        try await disk.withCopy { path in
                            let again = try sandbox.start("coordinator", path, "--listen", "127.0.0.1:0")
                            try await Task.sleep(for: .milliseconds(Int.random(in: 0...150, using: &generator)))
                            try await disk.copyAgain(while: again)
                            again.signal(SIGKILL)
                            _ = try await again.end()
                        }
                    }
                    lost += try await disk.withCopy { path in
                        guard let audit = try? SweepAudit(sandbox, path) else { return acknowledged.count }
                        let check = try await sandbox.run("check", path, "--json")
                        let isSound = ["damaged", "missing", "database"].allSatisfy { kind in
                            !check.output.contains("\"kind\" : \"\(kind)\"")
                        }
                        if wrapper.isEmpty { #expect(isSound, "\(check.output)\(check.complaints)") }
                        return acknowledged.subtracting(audit.done).count
                    }
                }
                if wrapper.isEmpty {
                    #expect(try await coordinator.end(within: .seconds(120)) == 0, "\(coordinator.complaints)")
                    let audit = try SweepAudit(sandbox, "disk/out")
                    try await audit.expectWhole(sweep)
                    try audit.expectEmptySpools(below: "cache")
                } else {
                    coordinator.killTraced()
                    _ = try await coordinator.end()
                }
            }
            Soak.record(
                fault, injectedBy: "copy of a loop-mounted ext4", runs: points, seed: seed,
                "\(lost) acknowledged images lost")
            return lost
        }
    }
}

/// An ext4 file system in a file, which can be copied as the power would leave it.
private struct LoopDisk {
    private let sandbox: Sandbox

    /// Whether this process may make and mount one, found out by doing so.
    static var canBeMounted: Bool {
        let probe = Process()
        probe.executableURL = URL(filePath: "/bin/bash")
        probe.arguments = [
            "-c",
            """
            set -e; f=$(mktemp -d); trap 'umount "$f/m" 2>/dev/null || true; rm -rf "$f"' EXIT
            truncate -s 8M "$f/image"; mkfs.ext4 -q "$f/image"; mkdir "$f/m"; mount -o loop "$f/image" "$f/m"
            """,
        ]
        probe.standardError = FileHandle.nullDevice
        guard (try? probe.run()) != nil else { return false }
        probe.waitUntilExit()
        return probe.terminationStatus == 0
    }

    /// Mounts `disk` in a sandbox. The kernel is told to sync nothing by itself for as long as a test takes.
    init(in sandbox: Sandbox, megabytes: Int) async throws {
        self.sandbox = sandbox
        try await sandbox.shell(
            """
            truncate -s \(megabytes)M image && mkfs.ext4 -q image && mkdir disk cut
            mount -o loop,commit=600 image disk
            """)
    }

    /// Copies the device as it is, while a process stands still.
    func copy(while process: Launched) async throws {
        try await copy("image", to: "copy", while: process)
    }

    /// Copies the copy, on which another process is at work, to be the next one that is mounted.
    func copyAgain(while process: Launched) async throws {
        try await copy("copy", to: "next", while: process)
    }

    private func copy(_ source: String, to target: String, while process: Launched) async throws {
        let tree = try await sandbox.shell("pgrep -P \(process.identifier) || true")
        let all = [process.identifier] + tree.split(separator: "\n").compactMap { Int32($0) }
        // A tracer and its program stop together, or a call would be caught half-way.
        for process in all.reversed() { kill(process, SIGSTOP) }
        defer { for process in all { kill(process, SIGCONT) } }
        try await sandbox.shell("cp --sparse=always \(source) \(target)")
    }

    /// Mounts the last copy, as the host does when the power is back, and hands over the sweep's directory.
    func withCopy<Value>(_ body: (_ path: String) async throws -> Value) async throws -> Value {
        try await sandbox.shell("mount -o loop copy cut")
        let result: Result<Value, any Error>
        do {
            result = .success(try await body("cut/out"))
        } catch {
            result = .failure(error)
        }
        try await sandbox.shell("umount cut; test ! -e next || mv next copy")
        return try result.get()
    }

    func unmount() {
        for folder in ["cut", "disk"] { umount2(sandbox.file(folder), Int32(MNT_DETACH)) }
    }
}
