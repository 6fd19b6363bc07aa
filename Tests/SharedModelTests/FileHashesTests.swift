import Foundation
import Testing

@testable import SharedModel

@Suite("Hashes of large files")
struct FileHashesTests {
    private static let size = FileHashes.smallestNoted
    /// A time of change that is long past.
    private static let past = Date(timeIntervalSince1970: 1_000_000_000)

    private func write(_ byte: UInt8, to path: String, changed: Date = past) throws {
        // In place: the file stays the same one to the file system.
        if !FileManager.default.fileExists(atPath: path) {
            _ = FileManager.default.createFile(atPath: path, contents: nil)
        }
        let handle = try FileHandle(forWritingTo: URL(filePath: path))
        try handle.write(contentsOf: Data(repeating: byte, count: Self.size))
        try handle.close()
        try FileManager.default.setAttributes([.modificationDate: changed], ofItemAtPath: path)
    }

    @Test("are those of sha256sum, and remembered until the file's size or time changes")
    func remembering() throws {
        try TemporaryFolder.with { folder in
            let hashes = FileHashes(cache: "\(folder.path)/cache")
            let file = "\(folder.path)/file"
            try write(0, to: file)
            let first = try hashes.hash(of: file)
            // head -c 1048576 /dev/zero | sha256sum
            #expect(first == "30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58")
            try write(1, to: file)
            #expect(try hashes.hash(of: file) == first)
            try write(1, to: file, changed: Self.past.addingTimeInterval(1))
            #expect(try hashes.hash(of: file) != first)
        }
    }

    @Test("are not remembered of a file that changed a moment ago")
    func racing() throws {
        try TemporaryFolder.with { folder in
            let changed = Int(Self.past.timeIntervalSince1970)
            let hashes = FileHashes(cache: "\(folder.path)/cache") { changed + 1 }
            let file = "\(folder.path)/file"
            try write(0, to: file)
            let first = try hashes.hash(of: file)
            try write(1, to: file)
            #expect(try hashes.hash(of: file) != first)
        }
    }

    @Test("are computed anew where a note is damaged or cannot be written")
    func damage() throws {
        try TemporaryFolder.with { folder in
            let cache = "\(folder.path)/cache"
            let file = "\(folder.path)/file"
            try write(0, to: file)
            let first = try FileHashes(cache: cache).hash(of: file)
            let note = try #require(FileManager.default.contentsOfDirectory(atPath: "\(cache)/hashes").first)
            try folder.write("cache/hashes/\(note)", "nonsense")
            #expect(try FileHashes(cache: cache).hash(of: file) == first)
            #expect(try FileHashes(cache: "/dev/null").hash(of: file) == first)
        }
    }

    @Test("of a file that is not there is an error")
    func missing() {
        #expect(throws: SharedModelError.self) { try FileHashes(cache: "/dev/null").hash(of: "/nowhere") }
    }
}
