import Foundation
import Testing

@testable import Diffusion

@Suite("What control groups leave of the memory")
struct HostMemoryTests {
    /// A system of files alone, removed with the test.
    private final class FakeSystem {
        let root = FileManager.default.temporaryDirectory.appending(path: "tmdne-host-\(UUID().uuidString)").path

        init(groups: String, mounts: String, files: [String: String]) throws {
            for (name, text) in files.merging(
                ["/proc/self/cgroup": groups, "/proc/self/mountinfo": mounts], uniquingKeysWith: { first, _ in first })
            {
                let url = URL(filePath: root + name)
                try FileManager.default.createDirectory(
                    at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
                try Data(text.utf8).write(to: url)
            }
        }

        deinit { try? FileManager.default.removeItem(atPath: root) }

        var memory: HostMemory { HostMemory(root: root, physical: 16 << 30) }
    }

    private static let version2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"

    @Test("of version 2 the lowest of memory.max and memory.high counts, of the own group and of all around it")
    func version2() throws {
        func memory(_ files: [String: String]) throws -> HostMemory {
            let system = try FakeSystem(
                groups: "0::/user.slice/me.scope\n", mounts: Self.version2,
                files: Dictionary(uniqueKeysWithValues: files.map { ("/sys/fs/cgroup\($0)", $1) }))
            return system.memory
        }
        #expect(try memory([:]) == HostMemory(bytes: 16 << 30, limit: nil))
        #expect(
            try memory(["/user.slice/me.scope/memory.max": "max\n", "/user.slice/memory.max": "max\n"]).limit == nil)
        let own = try memory(["/user.slice/me.scope/memory.max": "4294967296\n", "/user.slice/memory.max": "max\n"])
        #expect(own == HostMemory(bytes: 4 << 30, limit: "/sys/fs/cgroup/user.slice/me.scope/memory.max"))
        let around = try memory([
            "/user.slice/me.scope/memory.max": "4294967296\n", "/user.slice/memory.high": "2147483648\n",
        ])
        #expect(around == HostMemory(bytes: 2 << 30, limit: "/sys/fs/cgroup/user.slice/memory.high"))
        #expect(try memory(["/memory.max": "1073741824\n"]).bytes == 1 << 30)
        // More than the machine has is no limit, nor is what is no number.
        for text in ["17179869185\n", "9223372036854775808\n", "", "-\n"] {
            #expect(try memory(["/user.slice/memory.max": text]).limit == nil)
        }
        #expect(try memory(["/user.slice/memory.max": "-1\n"]).bytes == 0)
        #expect(try memory(["/other.slice/memory.max": "1\n"]).limit == nil)
    }

    @Test("in a container the group is the root of what is seen, by either name")
    func container() throws {
        let files = ["/sys/fs/cgroup/memory.max": "3221225472\n"]
        for (group, root) in [("/", "/"), ("/docker/abc", "/docker/abc"), ("/../../other", "/"), ("/docker/abc", "/x")]
        {
            let mounts = "30 23 0:26 \(root) /sys/fs/cgroup ro - cgroup2 cgroup rw\n"
            let system = try FakeSystem(groups: "0::\(group)\n", mounts: mounts, files: files)
            #expect(system.memory == HostMemory(bytes: 3 << 30, limit: "/sys/fs/cgroup/memory.max"), "\(group)")
        }
    }

    @Test("of version 1 the tree with the memory counts, also beside one of version 2, and wherever it is mounted")
    func version1() throws {
        let mounts = """
            31 23 0:28 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755
            32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
            35 31 0:32 /jobs /mnt/the\\040groups rw - cgroup cgroup rw,memory
            41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw

            """
        let groups = "4:memory:/jobs/17\n2:cpu,cpuacct:/\n0::/\n"
        let files = [
            "/mnt/the groups/17/memory.limit_in_bytes": "9223372036854771712\n",
            "/mnt/the groups/memory.limit_in_bytes": "6442450944\n",
            "/sys/fs/cgroup/cpu,cpuacct/memory.limit_in_bytes": "1\n",
        ]
        let system = try FakeSystem(groups: groups, mounts: mounts, files: files)
        #expect(system.memory == HostMemory(bytes: 6 << 30, limit: "/mnt/the groups/memory.limit_in_bytes"))
    }

    @Test(
        "lines that are none limit nothing",
        arguments: ["", "\n\n", "0:", "::::", "0::", "memory", "x:memory:", " - cgroup2 ", "1 2 3 / / - cgroup2"])
    func nonsense(line: String) throws {
        let system = try FakeSystem(groups: line, mounts: line, files: [:])
        #expect(system.memory == HostMemory(bytes: 16 << 30, limit: nil))
        let mounted = try FakeSystem(groups: line, mounts: Self.version2 + line, files: [:])
        #expect(mounted.memory.limit == nil)
    }
}
