import Crypto

/// What a model consists of: the names, lengths and hashes of the files that decide what it draws.
package struct ModelManifest: Equatable, Sendable {
    /// One file of a model.
    package struct File: Equatable, Sendable {
        /// Relative to the model's folder.
        package var name: String
        /// SHA-256 of its content, 64 lower-case hexadecimal digits.
        package var sha256: String
        package var bytes: Int
        /// Where it is on this host.
        package var path: String
    }

    /// In the order of their names' bytes.
    package let files: [File]

    /// Reads all files of the model, 1 MiB at a time.
    ///
    /// - Parameter path: A folder in diffusers' layout, or a single `.safetensors` file.
    /// - Throws: ``SharedModelError`` for a file that is missing or cannot be read.
    package init(of path: String) throws {
        files = try ModelFiles(path: path).files.map { file in
            var content = SHA256()
            var bytes = 0
            try FileReader.forEachPiece(of: file.path) { piece in
                content.update(bufferPointer: piece)
                bytes += piece.count
            }
            return File(
                name: file.name, sha256: Hexadecimal.encode(content.finalize()), bytes: bytes, path: file.path)
        }
    }

    /// The fingerprint of a model with these files.
    package var fingerprint: String {
        Self.fingerprint(of: files.map { ($0.name, $0.sha256) })
    }

    /// SHA-256 of what `sha256sum` prints for the files, in the order given: a line `hash  name` for each.
    package static func fingerprint(of files: [(name: String, sha256: String)]) -> String {
        var model = SHA256()
        for file in files { model.update(data: Array("\(file.sha256)  \(file.name)\n".utf8)) }
        return Hexadecimal.encode(model.finalize())
    }
}
