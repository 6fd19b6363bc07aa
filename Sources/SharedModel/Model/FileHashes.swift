import Crypto
import Foundation

/// The SHA-256 of files, remembered by their size and time of change, so that gigabytes are read once.
///
/// A note for each file in the program's cache. Small files are read every time, and so are files that changed a moment ago:
/// they could change again within the clock's resolution. Without a cache that can be written, all are.
package struct FileHashes: Sendable {
    /// Below it, reading is as fast as looking up.
    static let smallestNoted = 1 << 20
    /// What the coarsest file systems round times of change to.
    private static let settlingSeconds = 2

    private let folder: String
    private let now: @Sendable () -> Int

    /// - Parameters:
    ///   - cache: The program's cache folder.
    ///   - now: Seconds since 1970.
    package init(cache: String = CacheFolder.path(), now: @escaping @Sendable () -> Int = { time(nil) }) {
        folder = "\(cache)/hashes"
        self.now = now
    }

    /// The SHA-256 of a file's bytes.
    ///
    /// - Returns: 64 lower-case hexadecimal digits.
    /// - Throws: ``SharedModelError`` when the file cannot be read.
    package func hash(of path: String) throws -> String {
        let state = State(of: path)
        if let state, let known = known(state) { return known }
        var content = SHA256()
        try FileReader.forEachPiece(of: path) { content.update(bufferPointer: $0) }
        let hash = Hexadecimal.encode(content.finalize())
        // A file that changed while it was read is another one by now.
        if let state, State(of: path) == state, state.seconds < now() - Self.settlingSeconds {
            note(hash, of: state)
        }
        return hash
    }

    private func known(_ state: State) -> String? {
        guard let note = try? FileReader.contents(of: file(for: state), limit: 4096),
            let text = String(validating: note, as: UTF8.self)
        else { return nil }
        let lines = text.split(separator: "\n")
        guard lines.count == 2, lines[1] == state.description, Hexadecimal.isLowercase(String(lines[0]), digits: 64)
        else { return nil }
        return String(lines[0])
    }

    private func note(_ hash: String, of state: State) {
        try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try? Data("\(hash)\n\(state)\n".utf8).write(to: URL(filePath: file(for: state)), options: .atomic)
    }

    private func file(for state: State) -> String {
        "\(folder)/\(Hexadecimal.encode(SHA256.hash(data: Data(state.identity.utf8)).prefix(16)))"
    }

    /// What changes when a file does.
    private struct State: Equatable, CustomStringConvertible {
        let identity: String
        let size: Int
        let seconds: Int
        let nanoseconds: Int

        /// - Returns: `nil` for what is no file that is worth a note.
        init?(of path: String) {
            var status = stat()
            guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
                status.st_size >= FileHashes.smallestNoted
            else { return nil }
            identity = "\(status.st_dev) \(status.st_ino)"
            size = Int(status.st_size)
            seconds = Int(status.st_mtim.tv_sec)
            nanoseconds = Int(status.st_mtim.tv_nsec)
        }

        var description: String { "\(identity) \(size) \(seconds) \(nanoseconds)" }
    }
}
