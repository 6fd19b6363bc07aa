import Foundation
import NIOCore
import SharedModel
import Testing

@testable import Worker

@Suite("The spool")
struct SpoolTests {
    private func names(in directory: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
    }

    @Test("what was added is there again after a restart, and gone once it is removed")
    func roundTrip() async throws {
        try await Fixtures.withDirectory { directory in
            let png: [UInt8] = Array(0...255)
            let entries = try (1...3).map { try Fixtures.entry($0, lease: 9, png: png) }
            let spool = Spool(directory: directory, logger: Fixtures.logger)
            for entry in entries { try spool.add(entry, png: png) }

            let restarted = Spool(directory: directory, logger: Fixtures.logger)
            #expect(try restarted.recover() == entries.sorted { $0.cell.hex < $1.cell.hex })
            #expect(try restarted.read(entries[1]) == png)
            restarted.remove(entries[1])
            #expect(Set(try restarted.recover().map(\.cell)) == [entries[0].cell, entries[2].cell])
        }
    }

    @Test("a file cut off at any byte is dropped, and only that file")
    func truncated() async throws {
        try await Fixtures.withDirectory { directory in
            let spool = Spool(directory: directory, logger: Fixtures.logger)
            let (whole, cut) = (try Fixtures.entry(1, lease: 1), try Fixtures.entry(2, lease: 1))
            try spool.add(whole, png: [1, 2, 3])
            try spool.add(cut, png: [1, 2, 3])
            let path = "\(directory)/\(cut.cell).image"
            let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            for length in 0..<bytes.count {
                try bytes.prefix(length).write(to: URL(fileURLWithPath: path))
                #expect(try spool.recover() == [whole], "cut at \(length)")
                #expect(!FileManager.default.fileExists(atPath: path))
            }
        }
    }

    @Test("an image with a changed byte is dropped at the start, and refused when it is read later")
    func changed() async throws {
        try await Fixtures.withDirectory { directory in
            let spool = Spool(directory: directory, logger: Fixtures.logger)
            let entry = try Fixtures.entry(1, lease: 1)
            try spool.add(entry, png: [1, 2, 3])
            let path = "\(directory)/\(entry.cell).image"
            var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            bytes[bytes.count - 1] ^= 1
            try bytes.write(to: URL(fileURLWithPath: path))
            #expect(throws: WorkerError.self) { try spool.read(entry) }
            #expect(try spool.recover() == [])
        }
    }

    @Test("timings out of bounds are clamped when they come back, so that the offer can be sent")
    func clamped() async throws {
        try await Fixtures.withDirectory { directory in
            let spool = Spool(directory: directory, logger: Fixtures.logger)
            var entry = try Fixtures.entry(1, lease: 1)
            entry.timings = Timings(encode: -1, denoise: 1e300, decode: 0.5, png: 90_000)
            try spool.add(entry, png: [1, 2, 3])
            let found = try #require(try spool.recover().first)
            #expect(found.timings == Timings(encode: 0, denoise: 86_400, decode: 0.5, png: 86_400))
            #expect(try spool.read(found) == [1, 2, 3])
            var frame = ByteBuffer()
            try frame.writeFrame(WorkerMessage.offer(found.offer))
        }
    }

    @Test("an image whose offer can't be sent is no image to read")
    func unsendable() async throws {
        try await Fixtures.withDirectory { directory in
            let spool = Spool(directory: directory, logger: Fixtures.logger)
            var entry = try Fixtures.entry(1, lease: 1)
            try spool.add(entry, png: [1, 2, 3])
            entry.timings.decode = .nan
            #expect(throws: WorkerError.self) { try spool.read(entry) }
        }
    }

    @Test("an image under another cell's name is dropped")
    func misnamed() async throws {
        try await Fixtures.withDirectory { directory in
            let spool = Spool(directory: directory, logger: Fixtures.logger)
            let entry = try Fixtures.entry(1, lease: 1)
            try spool.add(entry, png: [1, 2, 3])
            let other = "\(directory)/\(try Fixtures.key(2)).image"
            try FileManager.default.moveItem(atPath: "\(directory)/\(entry.cell).image", toPath: other)
            #expect(try spool.recover() == [])
        }
    }

    @Test("what was being written when the power went is removed, other files stay")
    func temporary() async throws {
        try await Fixtures.withDirectory { directory in
            for name in ["\(try Fixtures.key(1)).image.tmp", "identity", "notes.txt"] {
                try Data("half".utf8).write(to: URL(fileURLWithPath: "\(directory)/\(name)"))
            }
            #expect(try Spool(directory: directory, logger: Fixtures.logger).recover() == [])
            #expect(try names(in: directory) == ["identity", "notes.txt"])
        }
    }

    @Test("a spool whose directory is gone says so in a sentence that names it")
    func missingDirectory() async throws {
        try await Fixtures.withDirectory { directory in
            let spool = Spool(directory: "\(directory)/gone", logger: Fixtures.logger)
            let error = #expect(throws: WorkerError.self) {
                try spool.add(try Fixtures.entry(1, lease: 1), png: [1, 2, 3])
            }
            let sentence = "\(try #require(error))"
            #expect(sentence.contains("\(directory)/gone"))
        }
    }

    @Test("a worker that starts again is the same worker")
    func identity() async throws {
        try await Fixtures.withDirectory { cache in
            let first = try SpoolDirectory.acquire(cache: cache, token: Fixtures.token()).identity
            let again = try SpoolDirectory.acquire(cache: cache, token: Fixtures.token()).identity
            #expect(first == again)
            #expect(Hexadecimal.isLowercase(first, digits: 32))
        }
    }

    @Test("a damaged identity is replaced")
    func damagedIdentity() async throws {
        try await Fixtures.withDirectory { cache in
            let path = try SpoolDirectory.acquire(cache: cache, token: Fixtures.token()).path
            try Data("../../etc".utf8).write(to: URL(fileURLWithPath: "\(path)/identity"))
            let directory = try SpoolDirectory.acquire(cache: cache, token: Fixtures.token())
            #expect(directory.path == path)
            #expect(Hexadecimal.isLowercase(directory.identity, digits: 32))
        }
    }

    @Test("two workers of one host share no directory, and another coordinator has its own")
    func exclusion() async throws {
        try await Fixtures.withDirectory { cache in
            let first = try SpoolDirectory.acquire(cache: cache, token: Fixtures.token())
            let second = try SpoolDirectory.acquire(cache: cache, token: Fixtures.token())
            let other = try SpoolDirectory.acquire(cache: cache, token: Fixtures.token(secret: JoinSecret()))
            #expect(Set([first.path, second.path, other.path]).count == 3)
            #expect(Set([first.identity, second.identity, other.identity]).count == 3)
        }
    }

    @Test("a directory with leftovers is taken before an empty one")
    func leftovers() async throws {
        try await Fixtures.withDirectory { cache in
            var first: SpoolDirectory? = try SpoolDirectory.acquire(cache: cache, token: Fixtures.token())
            var second: SpoolDirectory? = try SpoolDirectory.acquire(cache: cache, token: Fixtures.token())
            let path = try #require(second).path
            try Spool(directory: path, logger: Fixtures.logger).add(try Fixtures.entry(1, lease: 1), png: [1, 2, 3])
            #expect(first?.path != path)
            first = nil
            second = nil
            #expect(try SpoolDirectory.acquire(cache: cache, token: Fixtures.token()).path == path)
        }
    }

    @Test("the cache is where the environment says, unless that is not an absolute path")
    func cache() {
        #expect(SpoolDirectory.defaultCache(environment: ["XDG_CACHE_HOME": "/c", "HOME": "/h"]) == "/c/tmdne")
        #expect(SpoolDirectory.defaultCache(environment: ["XDG_CACHE_HOME": "c", "HOME": "/h"]) == "/h/.cache/tmdne")
        #expect(SpoolDirectory.defaultCache(environment: ["HOME": "/h"]) == "/h/.cache/tmdne")
    }
}
