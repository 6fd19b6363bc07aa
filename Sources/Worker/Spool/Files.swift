import Crypto
import Foundation
import SharedModel

/// The few steps on files whose order and completion matter, each with its error.
enum Files {
    /// A file descriptor that closes itself.
    struct Descriptor: ~Copyable {
        let number: Int32

        deinit { close(number) }
    }

    static func descriptor(of path: String, _ flags: Int32) throws(WorkerError) -> Descriptor {
        let number = open(path, flags | O_CLOEXEC, 0o600)
        guard number >= 0 else { throw failure(path, "open") }
        return Descriptor(number: number)
    }

    /// Writes a whole file so that after a crash `path` holds its old content or its new one; the directory is the
    /// caller's to sync.
    static func replace(_ path: String, with bytes: [UInt8], temporary: String) throws(WorkerError) {
        do throws(WorkerError) {
            let file = try descriptor(of: temporary, O_WRONLY | O_CREAT | O_TRUNC)
            try append(bytes, to: file, path: temporary)
            guard fsync(file.number) == 0 else { throw failure(temporary, "sync") }
            guard rename(temporary, path) == 0 else { throw failure(path, "put in place") }
        } catch {
            remove(temporary)
            throw error
        }
    }

    /// Appends to a file, which is made when it is missing.
    static func append(_ bytes: [UInt8], to path: String) throws(WorkerError) {
        try append(bytes, to: descriptor(of: path, O_WRONLY | O_CREAT | O_APPEND), path: path)
    }

    /// The SHA-256 of a file's content, after it was brought to the disk where `synced` says so.
    static func sha256(of path: String, synced: Bool) throws(WorkerError) -> String {
        let file = try descriptor(of: path, O_RDONLY)
        if synced, fsync(file.number) != 0 { throw failure(path, "sync") }
        var hash = SHA256()
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = buffer.withUnsafeMutableBytes { read(file.number, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(path, "read") }
            guard count > 0 else { return Hexadecimal.encode(hash.finalize()) }
            hash.update(data: buffer[..<count])
        }
    }

    static func sync(directory: String) throws(WorkerError) {
        let file = try descriptor(of: directory, O_RDONLY | O_DIRECTORY)
        guard fsync(file.number) == 0 else { throw failure(directory, "sync") }
    }

    static func contents(of path: String, maximumBytes: Int) throws(WorkerError) -> [UInt8] {
        let file = try descriptor(of: path, O_RDONLY)
        var status = stat()
        guard fstat(file.number, &status) == 0 else { throw failure(path, "examine") }
        guard let length = Int(exactly: status.st_size), (0...maximumBytes).contains(length) else {
            throw .damagedEntry(path: path, problem: "it is longer than \(maximumBytes) bytes")
        }
        var problem: WorkerError?
        let bytes = [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
            while count < length {
                let part = read(file.number, buffer.baseAddress.map { $0 + count }, length - count)
                if part < 0, errno == EINTR { continue }
                if part < 0 { problem = failure(path, "read") }
                guard part > 0 else { return }
                count += part
            }
        }
        if let problem { throw problem }
        return bytes
    }

    /// Removes a file; that it is gone already, or can't go, changes nothing for the caller.
    static func remove(_ path: String) {
        _ = unlink(path)
    }

    static func names(in directory: String) throws(WorkerError) -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: directory)
        } catch {
            throw .spool(path: directory, step: "list", problem: problem(error))
        }
    }

    static func makeDirectory(_ path: String) throws(WorkerError) {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw .spool(path: path, step: "make", problem: problem(error))
        }
    }

    static func failure(_ path: String, _ step: String) -> WorkerError {
        .spool(path: path, step: step, problem: String(cString: strerror(errno)))
    }

    private static func append(
        _ bytes: [UInt8], to file: borrowing Descriptor, path: String
    ) throws(WorkerError) {
        var written = 0
        while written < bytes.count {
            let part = bytes.withUnsafeBytes { buffer in
                write(file.number, buffer.baseAddress.map { $0 + written }, buffer.count - written)
            }
            if part < 0, errno == EINTR { continue }
            guard part > 0 else { throw failure(path, "write") }
            written += part
        }
    }

    private static func problem(_ error: any Error) -> String {
        let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
        guard let code = underlying.flatMap({ Int32(exactly: $0.code) }) else { return error.localizedDescription }
        return String(cString: strerror(code))
    }
}
