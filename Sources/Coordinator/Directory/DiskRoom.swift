import Foundation
import Glibc

/// What the file system of a sweep's directory still has room for, as it tells this user.
struct DiskRoom: Sendable {
    let bytes: Int
    /// How many more files and folders it can name; `nil` where it sets no limit.
    let names: Int?
    /// Why the directory can't be looked at, an error number; `nil` when it can.
    private var failure: Int32?

    /// Fewer names than the uploads of a moment need.
    private static let fewestNames = 16

    init(bytes: Int, names: Int? = nil) {
        self.bytes = bytes
        self.names = names
    }

    /// Asks the file system of a directory; one that can't be asked has no room.
    init(of directory: SweepDirectory) {
        var information = statvfs()
        guard statvfs(directory.url.path, &information) == 0 else {
            self.init(bytes: 0)
            failure = errno
            return
        }
        let (bytes, overflow) = UInt64(information.f_bavail).multipliedReportingOverflow(
            by: UInt64(information.f_frsize))
        self.init(
            bytes: overflow ? .max : Int(clamping: bytes),
            names: information.f_files > 0 ? Int(clamping: information.f_favail) : nil)
    }

    /// What is missing, and how much of it is needed, in the directory at `path`; `nil` when there is room.
    func problem(lowWaterBytes: Int, path: String) -> String? {
        if let failure {
            return """
                The coordinator can't reach \(path) any more (\(String(cString: strerror(failure)))); put it back, and it goes \
                on by itself.
                """
        }
        if bytes < lowWaterBytes {
            return """
                The disk of the coordinator is full: \(bytes >> 20) MiB are free in \(path), \(lowWaterBytes >> 20) MiB are \
                needed; make room, and it goes on by itself.
                """
        }
        guard let names, names < Self.fewestNames else { return nil }
        return """
            The disk of the coordinator is full: it has room for the names of \(names) more files in \(path), \
            \(Self.fewestNames) are needed; remove files, or make it with more inodes, and it goes on by itself.
            """
    }
}
