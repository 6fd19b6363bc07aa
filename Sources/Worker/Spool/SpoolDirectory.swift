import Crypto
import Foundation
import SharedModel

/// The directory of one running worker, locked, and the identity that the coordinator knows it by.
///
/// `CACHE/spool/<coordinator>/<number>/`: what is meant for one coordinator is never offered to another, and of several
/// workers on a host each has its own number. An image can only be delivered by the identity that its lease was granted
/// to, so a worker that starts takes over a directory with its leftovers and its identity, not the files alone.
final class SpoolDirectory {
    private static let maximumWorkers = 1024

    let path: String
    /// 32 hexadecimal digits, the same at every start in this directory.
    let identity: String
    /// Open as long as the directory is ours: the lock ends with it, also after kill -9.
    private let lock: Files.Descriptor

    private init(path: String, identity: String, lock: consuming Files.Descriptor) {
        self.path = path
        self.identity = identity
        self.lock = lock
    }

    /// Unlocks before it closes: a program that another thread is just starting has the descriptor, too, until it is under way.
    deinit { flock(lock.number, LOCK_UN) }

    /// Where spools are unless a person says otherwise: `$XDG_CACHE_HOME/tmdne` or `~/.cache/tmdne`.
    static func defaultCache(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) -> String {
        CacheFolder.path(environment: environment)
    }

    /// Takes a free directory, one with leftovers before any other, the lowest number first.
    ///
    /// - Parameters:
    ///   - cache: The directory of all spools; made if it is missing.
    ///   - token: Its key, or without one its secret, tells coordinators apart.
    /// - Returns: The directory, locked until it is released.
    /// - Throws: ``WorkerError/spool(path:step:problem:)``.
    static func acquire(cache: String, token: JoinToken) throws(WorkerError) -> SpoolDirectory {
        // A coordinator with a key keeps it, whatever token its workers come with.
        let mark = token.publicKeyHash.map(Hexadecimal.encode) ?? token.secret.base64URL
        let name = Hexadecimal.encode(SHA256.hash(data: Data("tmdne spool \(mark)".utf8)).prefix(8))
        let parent = "\(cache)/spool/\(name)"
        try Files.makeDirectory(parent)
        let known = try Files.names(in: parent).compactMap { Int($0) }.sorted()
        let withLeftovers = known.filter { Spool.hasLeftovers(in: "\(parent)/\($0)") }
        for number in withLeftovers + Array(1...maximumWorkers) {
            let path = "\(parent)/\(number)"
            try Files.makeDirectory(path)
            let file = try Files.descriptor(of: "\(path)/lock", O_RDWR | O_CREAT)
            guard flock(file.number, LOCK_EX | LOCK_NB) == 0 else {
                guard errno == EWOULDBLOCK else { throw Files.failure("\(path)/lock", "lock") }
                continue
            }
            do {
                let identity = try Self.identity(in: path)
                return SpoolDirectory(path: path, identity: identity, lock: file)
            } catch {
                flock(file.number, LOCK_UN)
                throw error
            }
        }
        throw .spool(path: parent, step: "find room in", problem: "\(maximumWorkers) workers use it already")
    }

    private static func identity(in directory: String) throws(WorkerError) -> String {
        let path = "\(directory)/identity"
        if let bytes = try? Files.contents(of: path, maximumBytes: 64) {
            let text = String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
            if Hexadecimal.isLowercase(text, digits: 32) { return text }
        }
        let identity = Hexadecimal.random(bytes: 16)
        try Files.replace(path, with: Array("\(identity)\n".utf8), temporary: path + ".tmp")
        try Files.sync(directory: directory)
        return identity
    }
}
