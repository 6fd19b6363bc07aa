import Foundation

/// The memory that the system lets this process take: the machine's, or what control groups leave of it.
///
/// Who takes more than its group may is killed, however much the machine still has. So the limits of the process's own
/// group and of all groups around it count: `memory.max` and `memory.high` of version 2 (beyond the latter the kernel slows the
/// process down until it hardly moves), `memory.limit_in_bytes` of version 1.
///
/// Sources: <https://docs.kernel.org/admin-guide/cgroup-v2.html>, <https://docs.kernel.org/admin-guide/cgroup-v1/memory.html>,
/// proc_pid_mountinfo(5).
package struct HostMemory: Equatable, Sendable {
    /// In bytes.
    package let bytes: Int
    /// The file that sets the limit; `nil` where it is all of the machine's.
    package let limit: String?

    /// Looks at the system that stands below a folder.
    ///
    /// - Parameters:
    ///   - root: Ends without a slash; empty for the running system.
    ///   - physical: The machine's memory, in bytes.
    package init(
        root: String = "", physical: Int = Int(clamping: ProcessInfo.processInfo.physicalMemory)
    ) {
        let mounts = Self.lines(of: "\(root)/proc/self/mountinfo").compactMap(Mount.init)
        let groups = Self.lines(of: "\(root)/proc/self/cgroup").compactMap(ControlGroup.init)
        var least: (bytes: Int, limit: String?) = (physical, nil)
        for group in groups {
            for mount in mounts where mount.hierarchy == group.hierarchy {
                for folder in mount.folders(around: group.path) {
                    for name in group.hierarchy.limits {
                        let file = "\(folder)/\(name)"
                        guard let bytes = Self.lines(of: root + file).first.flatMap({ Int($0) }), bytes < least.bytes
                        else { continue }
                        least = (max(0, bytes), file)
                    }
                }
            }
        }
        self.init(bytes: least.bytes, limit: least.limit)
    }

    init(bytes: Int, limit: String?) {
        self.bytes = bytes
        self.limit = limit
    }

    private static func lines(of path: String) -> [Substring] {
        // Such files claim to be empty, and are read to their end all the same.
        (try? String(contentsOfFile: path, encoding: .utf8))?.split(separator: "\n") ?? []
    }
}

/// A tree of control groups that can limit memory.
private enum Hierarchy: Equatable {
    case version1
    case version2

    /// The files of a group that hold a number of bytes, or a word for no limit.
    var limits: [String] {
        switch self {
        case .version1: ["memory.limit_in_bytes"]
        case .version2: ["memory.max", "memory.high"]
        }
    }
}

/// A line of `/proc/self/cgroup`: where the process stands in a tree.
private struct ControlGroup {
    let hierarchy: Hierarchy
    let path: String

    init?(_ line: Substring) {
        let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard fields.count == 3 else { return nil }
        if fields[0] == "0", fields[1].isEmpty {
            hierarchy = .version2
        } else if fields[1].split(separator: ",").contains("memory") {
            hierarchy = .version1
        } else {
            return nil
        }
        path = String(fields[2])
    }
}

/// A line of `/proc/self/mountinfo`: where such a tree, or a part of it, is to be seen.
private struct Mount {
    let hierarchy: Hierarchy
    /// The group that is seen at ``point``.
    private let root: String
    private let point: String

    init?(_ line: Substring) {
        let halves = line.split(separator: " - ", maxSplits: 1)
        guard halves.count == 2 else { return nil }
        let (fields, kind) = (halves[0].split(separator: " "), halves[1].split(separator: " "))
        guard fields.count > 4, kind.count > 2 else { return nil }
        switch kind[0] {
        case "cgroup2": hierarchy = .version2
        case "cgroup" where kind[2].split(separator: ",").contains("memory"): hierarchy = .version1
        default: return nil
        }
        root = Self.plain(fields[3])
        point = Self.plain(fields[4])
    }

    /// The folders of a group and of those around it, as far as they are to be seen, the innermost first.
    func folders(around path: String) -> [String] {
        var names = path.split(separator: "/")
        let hidden = root.split(separator: "/")
        // A path that leads out of what is seen belongs to another view of the tree; then the outermost that is seen counts.
        let isSeen = names.starts(with: hidden) && !names.contains("..")
        names = isSeen ? Array(names.dropFirst(hidden.count)) : []
        return (0...names.count).reversed().map { count in
            names.prefix(count).reduce(point) { "\($0)/\($1)" }
        }
    }

    /// A field without its escapes: `\040` is a space.
    private static func plain(_ field: Substring) -> String {
        [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")].reduce(String(field)) { text, escape in
            text.replacingOccurrences(of: escape.0, with: escape.1)
        }
    }
}
