import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// What a limit on the process's addresses (`ulimit -v`, `prlimit --as`) leaves for rendering.
///
/// Who reaches such a limit is not killed by the system: an allocation fails, and where that is one of the language's own,
/// the process ends in the middle of an image. So the limit counts before a picture is begun.
package enum AddressSpace {
    /// Bytes of memory that the process may come to; `nil` where nothing limits it.
    package static var budget: Int? {
        #if canImport(Glibc)
            var limit = rlimit()
            guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0, limit.rlim_cur < UInt64(Int.max),
                let statistics = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
            else { return nil }
            return budget(limit: Int(limit.rlim_cur), statistics: statistics, pageSize: sysconf(Int32(_SC_PAGESIZE)))
        #else
            return nil
        #endif
    }

    /// The limit without the addresses that hold no memory of the process's own: code, untouched stacks, mapped files.
    ///
    /// - Parameters:
    ///   - limit: In bytes.
    ///   - statistics: The line of `/proc/PID/statm`: pages of all addresses, those in memory, and those of files among them.
    ///   - pageSize: In bytes.
    /// - Returns: `nil` for a line that is none.
    static func budget(limit: Int, statistics: String, pageSize: Int) -> Int? {
        let pages = statistics.split(whereSeparator: \.isWhitespace).prefix(3).compactMap { Int($0) }
        guard pages.count == 3 else { return nil }
        return max(0, limit - (pages[0] - (pages[1] - pages[2])) * pageSize)
    }
}
