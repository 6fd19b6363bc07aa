import Crypto
import Foundation

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

    /// Reads all files of the model, or looks up what they were when they were read before.
    ///
    /// - Parameters:
    ///   - path: A folder in diffusers' layout, or a single `.safetensors` file.
    ///   - hashes: Where the hashes of large files are remembered.
    /// - Throws: ``SharedModelError`` for a file that is missing or cannot be read.
    package init(of path: String, hashes: FileHashes = FileHashes()) throws {
        files = try ModelFiles(path: path).files.map { file in
            let hash = try hashes.hash(of: file.path)
            let size = try? URL(filePath: file.path).resolvingSymlinksInPath().resourceValues(forKeys: [.fileSizeKey])
                .fileSize
            guard let size else { throw SharedModelError.unreadable(path: file.path, reason: "it has no size") }
            return File(name: file.name, sha256: hash, bytes: size, path: file.path)
        }
    }

    /// The fingerprint of a model with these files.
    package var fingerprint: String {
        Self.fingerprint(of: files.map { ($0.name, $0.sha256) })
    }

    /// What a model in one file calls it.
    package static let singleFile = "model.safetensors"

    /// That of the file, if there is but one; else SHA-256 of what `sha256sum` prints for the files, in the order given: a
    /// line `hash  name` for each.
    package static func fingerprint(of files: [(name: String, sha256: String)]) -> String {
        if files.count == 1, files[0].name == singleFile { return files[0].sha256 }
        var model = SHA256()
        for file in files { model.update(data: Array("\(file.sha256)  \(file.name)\n".utf8)) }
        return Hexadecimal.encode(model.finalize())
    }
}
