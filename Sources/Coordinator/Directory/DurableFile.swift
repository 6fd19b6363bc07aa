import Foundation
import Glibc

/// System calls on files whose failure must name the file, and whose success must outlast a power cut.
enum DurableFile {
    /// Makes a directory and its parents where they are missing, each on the disk before this returns.
    static func makeDirectory(_ path: String) throws {
        if mkdir(path, 0o777) == 0 { return try syncDirectory(parent(of: path)) }
        if errno == EEXIST {
            var isDirectory: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), isDirectory.boolValue else {
                throw error(path, "Making the directory", code: ENOTDIR)
            }
            // It may have been made by a process that was killed before it could sync.
            return try syncDirectory(parent(of: path))
        }
        guard errno == ENOENT, parent(of: path) != path else { throw error(path, "Making the directory") }
        try makeDirectory(parent(of: path))
        // Once: there are parents, such as /proc, that exist and have no room for it.
        guard mkdir(path, 0o777) == 0 || errno == EEXIST else { throw error(path, "Making the directory") }
        try syncDirectory(parent(of: path))
    }

    /// Brings the directory's entries to the disk.
    static func syncDirectory(_ path: String) throws {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw error(path, "Opening the directory") }
        defer { Glibc.close(descriptor) }
        guard fsync(descriptor) == 0 else { throw error(path, "Syncing the directory") }
    }

    /// Replaces `path` by a file that holds `bytes` and has `mode` from the start: after a crash there is the old one or
    /// the new one, whole.
    static func replace(_ path: String, with bytes: [UInt8], mode: mode_t) throws {
        let temporary = path + ".new"
        // Left behind by a crash; nobody else writes here, the directory is locked.
        unlink(temporary)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw error(temporary, "Making") }
        do {
            defer { Glibc.close(descriptor) }
            try write(bytes, to: descriptor, path: temporary)
            guard fsync(descriptor) == 0 else { throw error(temporary, "Syncing") }
        } catch {
            unlink(temporary)
            throw error
        }
        guard rename(temporary, path) == 0 else {
            let failure = error(path, "Replacing")
            unlink(temporary)
            throw failure
        }
        try syncDirectory(parent(of: path))
    }

    /// Writes all of `bytes`, in as many calls as it takes.
    static func write(_ bytes: [UInt8], to descriptor: Int32, path: String) throws {
        try bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let written = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if written < 0 && errno == EINTR { continue }
                guard written > 0 else { throw error(path, "Writing") }
                rest = rest.dropFirst(written)
            }
        }
    }

    /// What `errno` says about the last call on `path`.
    static func error(_ path: String, _ action: String, code: Int32 = errno) -> CoordinatorError {
        .file(
            path: path, action: action, problem: String(cString: strerror(code)).lowercasedFirst,
            isDiskFull: code == ENOSPC || code == EDQUOT)
    }

    private static func parent(of path: String) -> String {
        URL(filePath: path).deletingLastPathComponent().path
    }
}

extension String {
    fileprivate var lowercasedFirst: String {
        prefix(1).lowercased() + dropFirst()
    }
}
