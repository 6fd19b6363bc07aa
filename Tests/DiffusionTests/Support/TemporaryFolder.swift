import Foundation
import Testing

/// A folder that is removed with its contents when nobody needs it any more.
final class TemporaryFolder {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "tmdne-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Writes a file, making the folders above it, and returns its path.
    @discardableResult
    func write(_ bytes: some Sequence<UInt8>, to name: String) throws -> String {
        let file = URL(filePath: path).appending(path: name)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        // Data's own writing waits for the disk.
        let stream = try #require(fopen(file.path, "wb"))
        defer { fclose(stream) }
        let array = Array(bytes)
        try #require(fwrite(array, 1, array.count, stream) == array.count)
        return file.path
    }

    /// Writes a text file, making the folders above it, and returns its path.
    @discardableResult
    func write(_ text: String, to name: String) throws -> String {
        try write(Array(text.utf8), to: name)
    }

    /// Copies a file or folder into this one under its own name.
    func copy(_ source: String) throws {
        let name = URL(filePath: source).lastPathComponent
        try FileManager.default.copyItem(atPath: source, toPath: "\(path)/\(name)")
    }
}
