import Foundation
import SharedModel
import Testing

@testable import Coordinator

@Suite("The image store")
struct ImageStoreTests {
    private let temporary = TemporaryDirectory()
    private let images: ImageStore

    init() throws {
        try temporary.directory.create()
        images = try ImageStore(temporary.directory)
    }

    private func names(in url: URL) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: url.path).sorted()
    }

    private func offer(_ image: [UInt8], sha256: String? = nil) throws -> Offer {
        let key = try Fixtures.key(of: Fixtures.cell(prompt: "p", guidance: 1))
        return Fixtures.offer(key, under: try Fixtures.lease(1), image: image, sha256: sha256)
    }

    @Test("an upload ends up under its hash, byte for byte, and nothing stays behind")
    func keep() async throws {
        let bytes = TestPNG.image(text: "parameters")
        let offer = try offer(bytes)
        let image = try await images.begin(offer, width: 8, height: 8)
        for start in stride(from: 0, to: bytes.count, by: 50) {
            try await images.append(Array(bytes[start..<min(start + 50, bytes.count)]), to: image)
        }
        try await images.keep(image)
        let path = SweepDirectory.imagePath(sha256: offer.sha256)
        #expect(path == "images/\(offer.sha256.prefix(2))/\(offer.sha256).png")
        #expect(try Data(contentsOf: temporary.directory.url.appending(path: path)) == Data(bytes))
        #expect(try names(in: temporary.directory.incoming) == [])
        await images.discard(image)
        #expect(FileManager.default.fileExists(atPath: temporary.directory.url.appending(path: path).path))
    }

    @Test("bytes of another hash are refused and leave no file")
    func wrongHash() async throws {
        let bytes = TestPNG.image()
        let image = try await images.begin(offer(bytes, sha256: String(repeating: "0", count: 64)), width: 8, height: 8)
        try await images.append(bytes, to: image)
        await #expect(throws: ImageRefusal.self) { try await images.keep(image) }
        await images.discard(image)
        #expect(try names(in: temporary.directory.incoming) == [])
        let kept = FileManager.default.enumerator(atPath: temporary.directory.images.path)?.compactMap { $0 as? String }
        #expect(kept?.filter { $0.hasSuffix(".png") } == [])
    }

    @Test("an image that says that it is of another cell is refused, as it would be taken for that one's after a loss")
    func anotherCell() async throws {
        let plan = try StoredSweep.plan()
        let granted = (0..<2).map { position in
            let (shown, planned) = (plan.positions[position], plan.cells[position])
            return GrantedCell(
                key: planned.key, cell: planned.cell, position: position, rawPrompt: shown.prompt,
                rawNegativePrompt: shown.negativePrompt, style: shown.style)
        }
        let bytes = try StoredSweep.image(of: granted[1])
        for (cell, isFine) in [(granted[1].key, true), (granted[0].key, false)] {
            let offer = Fixtures.offer(cell, under: try Fixtures.lease(1), image: bytes)
            let image = try await images.begin(offer, width: 64, height: 64)
            // In pieces: the text is not whole when the first has come.
            try await images.append(Array(bytes.prefix(100)), to: image)
            let rest = Array(bytes.dropFirst(100))
            if isFine {
                try await images.append(rest, to: image)
            } else {
                await #expect(throws: ImageRefusal.self) { try await images.append(rest, to: image) }
            }
            await images.discard(image)
        }
    }

    @Test("more bytes than were offered are refused")
    func tooLong() async throws {
        let bytes = TestPNG.image()
        let image = try await images.begin(offer(Array(bytes.dropLast())), width: 8, height: 8)
        await #expect(throws: ImageRefusal.self) { try await images.append(bytes, to: image) }
    }

    @Test("what uploads left behind is removed at the next start")
    func leftovers() throws {
        let stray = temporary.directory.incoming.appending(path: "1234.part")
        try Data([1]).write(to: stray)
        _ = try ImageStore(temporary.directory)
        #expect(try names(in: temporary.directory.incoming) == [])
    }

    @Test("a folder that can't be written is an error of the disk, not of the image")
    func diskError() async throws {
        let bytes = TestPNG.image()
        let image = try await images.begin(offer(bytes), width: 8, height: 8)
        try await images.append(bytes, to: image)
        try FileManager.default.removeItem(at: temporary.directory.images)
        try Data().write(to: temporary.directory.images)
        await #expect(throws: CoordinatorError.self) { try await images.keep(image) }
    }

    @Test("a cancelled question for room has no answer, rather than that there is none")
    func cancelledRoom() async {
        let images = images
        let room = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await images.room()
        }
        #expect(await room.value == nil)
    }

    @Test("the room on the disk is what the file system says")
    func room() async throws {
        #expect(try #require(await images.room()).bytes > 0)
        #expect(DiskRoom(of: SweepDirectory(URL(filePath: "/no/such/place"))).bytes == 0)
    }

    @Test("a full disk is told by what it has too little of")
    func problem() throws {
        func problem(_ room: DiskRoom) -> String? { room.problem(lowWaterBytes: 64 << 20, path: "/sweep") }
        #expect(problem(DiskRoom(bytes: 64 << 20)) == nil)
        #expect(problem(DiskRoom(bytes: 64 << 20, names: 16)) == nil)
        #expect(problem(DiskRoom(bytes: 3 << 20, names: 0))?.contains("3 MiB are free in /sweep") == true)
        #expect(problem(DiskRoom(bytes: .max, names: 15))?.contains("the names of 15 more files in /sweep") == true)
    }
}
