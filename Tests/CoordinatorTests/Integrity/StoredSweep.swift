import Crypto
import Foundation
import PNG
import SharedModel
import Testing

@testable import Coordinator

/// A finished sweep in a directory of its own, its images as a worker would have made them.
struct StoredSweep {
    static let source = """
        name: stored
        model: tiny
        size: 64x64
        steps: 2
        prompts: [one, two]
        guidance: [1, 2, 3]
        """

    let temporary = TemporaryDirectory()
    let plan: SweepPlan
    var directory: SweepDirectory { temporary.directory }

    /// Renders the sweep of the file `source`.
    init(_ source: String = Self.source) async throws {
        plan = try Self.plan(source)
        try directory.create()
        try await open { store in
            _ = try await store.adopt(plan, directory: "DIR")
            _ = try await store.register(Fixtures.hello("ada", Fixtures.ada))
            var number = 1
            while let grant = try await store.claim(lease: Fixtures.lease(number), identity: Fixtures.ada) {
                for granted in grant.cells {
                    let bytes = try Self.image(of: granted)
                    try write(bytes)
                    let offer = Fixtures.offer(granted.key, under: grant.lease, image: bytes)
                    _ = try await store.commit(offer, from: Fixtures.ada, uploadSeconds: 0.5)
                }
                number += 1
            }
        }
    }

    static func plan(_ source: String = Self.source) throws -> SweepPlan {
        try Sweep(yaml: Array(source.utf8), file: "stored.yaml").plan { _ in Fixtures.fingerprint }
    }

    /// A PNG file of a cell, told apart from others by the device that it names.
    static func image(of granted: GrantedCell, device: String = "cpu") throws -> [UInt8] {
        let side = granted.cell.width
        let pixels = (0..<3 * side * side).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ granted.position) }
        let metadata = ImageMetadata(granted, model: "tiny", sweep: "stored", device: device, precision: "fp32")
        return try PNGImage(width: side, height: side, pixels: pixels)
            .encode(texts: [PNGText(keyword: ImageMetadata.keyword, text: metadata.json())])
    }

    /// The cell of a position, as it would be granted.
    func granted(_ position: Int) throws -> GrantedCell {
        let shown = plan.positions[position]
        let planned = try #require(plan.cells.first { $0.key == shown.cell })
        return GrantedCell(
            key: planned.key, cell: planned.cell, position: position, rawPrompt: shown.prompt,
            rawNegativePrompt: shown.negativePrompt, style: shown.style)
    }

    /// Runs `body` with the store, as a coordinator has it.
    func open<Result>(_ body: (SweepStore) async throws -> Result) async throws -> Result {
        let store = try SweepStore(path: directory.database.path)
        let result = try await body(store)
        await store.close()
        return result
    }

    /// Puts an image where it belongs.
    @discardableResult
    func write(_ bytes: [UInt8]) throws -> URL {
        let sha256 = Hexadecimal.encode(SHA256.hash(data: Data(bytes)))
        let url = directory.url.appending(path: SweepDirectory.imagePath(sha256: sha256))
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: url)
        return url
    }

    /// The rows of the grid now.
    func rows() throws -> [GridRow] { try SweepReader(directory).rows() }

    /// The file of the image at a position.
    func file(_ position: Int) throws -> URL {
        directory.url.appending(path: try #require(try rows()[position].image))
    }

    /// Files below a folder of the directory, folders left out.
    func names(under folder: String) -> [String] {
        let found = FileManager.default.enumerator(atPath: directory.url.appending(path: folder).path)
        return (found?.allObjects as? [String] ?? []).filter { $0.contains(".") }
    }
}
