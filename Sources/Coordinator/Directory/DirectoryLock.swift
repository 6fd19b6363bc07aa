import Foundation
import Glibc

/// Keeps a second coordinator out of a directory, for as long as the process lives.
///
/// The lock is the kernel's (`flock`), so that nothing stale is left by a crash; the file's text says who holds it.
final class DirectoryLock: Sendable {
    /// Whether the last holder ended without saying so: its process was killed, or its host lost power.
    let followsCrash: Bool
    private let descriptor: Int32

    /// Takes the lock. Blocks for up to half a second; keep it off the cooperative pool.
    ///
    /// - Throws: ``CoordinatorError/directoryInUse(directory:holder:)`` when another process, or another coordinator of
    ///   this one, holds the lock.
    init(_ directory: SweepDirectory) throws {
        let path = directory.lock.path
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw DurableFile.error(path, "Opening") }
        guard Self.acquire(descriptor) else {
            let code = errno
            Glibc.close(descriptor)
            guard code == EWOULDBLOCK else { throw DurableFile.error(path, "Locking", code: code) }
            throw CoordinatorError.directoryInUse(directory: directory.url.path, holder: Self.holder(at: path))
        }
        self.descriptor = descriptor
        var information = stat()
        followsCrash = fstat(descriptor, &information) == 0 && information.st_size > 0
        let text = "process \(getpid()) on \(ProcessInfo.processInfo.hostName), since \(Timestamp.text(Date()))\n"
        guard ftruncate(descriptor, 0) == 0 else { throw DurableFile.error(path, "Emptying") }
        try DurableFile.write(Array(text.utf8), to: descriptor, path: path)
    }

    deinit { Self.release(descriptor) }

    /// Says that everything is in order; the next holder need not look for what a crash may have left.
    func markClean() {
        // If it fails, the next holder looks without need.
        _ = ftruncate(descriptor, 0)
    }

    /// Whether a coordinator serves the directory now.
    static func isHeld(in directory: SweepDirectory) throws -> Bool {
        let path = directory.lock.path
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0 && errno == ENOENT { return false }
        guard descriptor >= 0 else { throw DurableFile.error(path, "Opening") }
        defer { release(descriptor) }
        return flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
    }

    /// Tries for half a second: someone who asks whether the lock is held holds it for an instant.
    private static func acquire(_ descriptor: Int32) -> Bool {
        for _ in 0..<10 {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
            guard errno == EWOULDBLOCK || errno == EINTR else { return false }
            usleep(50_000)
        }
        return flock(descriptor, LOCK_EX | LOCK_NB) == 0
    }

    /// Unlocks first: a program that another thread is just starting has the descriptor, too, until it is under way.
    private static func release(_ descriptor: Int32) {
        flock(descriptor, LOCK_UN)
        Glibc.close(descriptor)
    }

    private static func holder(at path: String) -> String {
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        let line = text.trimmingCharacters(in: .whitespacesAndNewlines)
        return line.isEmpty ? "of an unknown process" : line
    }
}
