import Foundation
import GRDB
import PNG
import SharedModel
import Testing

@testable import Coordinator

/// The axes of a sweep made by hand; every position has a cell of its own.
struct HandmadeGrid {
    var name = "grid"
    var prompts = ["a circle"]
    var styles = ["none", "sai-photographic"]
    var guidance: [Decimal] = [5, 5.5, 6]
    var seeds: [UInt64] = [52_794_693]
    var negativePrompt = "bangs curls"
    var width = 48
    var height = 32

    func plan() throws -> SweepPlan {
        var plan = SweepPlan(name: name, source: "name: \(name)\n", positions: [], cells: [], shards: [])
        for seed in seeds {
            for prompt in prompts {
                for style in styles {
                    let row = try guidance.map { try position(prompt, style, $0, seed, in: &plan) }
                    plan.shards.append(Shard(cells: row))
                }
            }
        }
        return plan
    }

    private func position(
        _ prompt: String, _ style: String, _ guidance: Decimal, _ seed: UInt64, in plan: inout SweepPlan
    ) throws -> CellKey {
        let index = plan.positions.count
        let key = try #require(CellKey(hex: GridFixture.hexadecimal(index, digits: 64)))
        let cell = Cell(
            fingerprint: GridFixture.hexadecimal(0, digits: 64), guidance: guidance, height: height,
            negativePrompt: negativePrompt, prompt: "\(prompt) in \(style)", sampler: .euler, seed: seed, steps: 20,
            width: width)
        plan.cells.append(PlannedCell(key: key, cell: cell, firstPosition: index))
        plan.positions.append(
            Position(
                index: index, cell: key, model: "tmdne-tiny", prompt: prompt, negativePrompt: negativePrompt,
                style: style, guidance: guidance, seed: seed, steps: 20, sampler: .euler, width: width,
                height: height))
        return key
    }
}

/// A directory that holds a sweep of which some is done, removed with the test.
final class GridFixture {
    /// What became of a position.
    enum Fate {
        case done(PNGImage)
        case failed(String)
        case leased
        case pending
    }

    let directory = SweepDirectory(
        FileManager.default.temporaryDirectory.appending(path: "tmdne-grid-\(UUID().uuidString)"))
    let reader: SweepReader

    /// Plans the grid and lets one worker bring about what `fate` says of each position.
    init(_ grid: HandmadeGrid, _ fate: (GridRow) throws -> Fate) async throws {
        let plan = try grid.plan()
        try directory.create()
        let store = try SweepStore(path: directory.database.path)
        _ = try await store.adopt(plan, directory: directory.url.path)
        reader = try SweepReader(directory)
        let fates = try reader.rows().map(fate)
        let identity = Self.hexadecimal(1, digits: 32)
        _ = try await store.register(
            Hello(
                version: WireLimits.protocolVersion, secret: "", name: "worker, \"one\"", identity: identity,
                device: "cpu", program: "test",
                leases: []))
        for number in 1...plan.shards.count {
            let lease = try #require(LeaseID(hex: Self.hexadecimal(number, digits: 32)))
            let grant = try #require(try await store.claim(lease: lease, identity: identity))
            var isPending = false
            for granted in grant.cells {
                switch fates[granted.position] {
                case .done(let image):
                    let offer = try offer(image, of: granted, lease)
                    _ = try await store.commit(offer, from: identity, uploadSeconds: 0.125)
                case .failed(let reason):
                    // It has failed twice before, so that it is parked now.
                    try await store.committer.perform { db in
                        _ = try db.run(
                            "INSERT INTO failure (cell, worker, times) SELECT cell.id, worker.id, 2 FROM cell, worker WHERE key = ?",
                            [granted.key.hex])
                    }
                    _ = try await store.fail(Fail(lease: lease, cell: granted.key, reason: reason), from: identity)
                case .leased: break
                case .pending: isPending = true
                }
            }
            // What is given back would be claimed again, so a grid can have it in its last row alone.
            if isPending { _ = try await store.end(lease, .released, reason: "test") }
        }
        await store.close()
    }

    deinit {
        try? FileManager.default.removeItem(at: directory.url)
    }

    func path(_ name: String) -> String {
        directory.url.appending(path: name).path
    }

    /// A picture that this test wrote.
    func picture(_ path: String) throws -> PNGImage {
        try PNGImage.decode(Array(Data(contentsOf: URL(filePath: path))), maximumPixels: .max / 3).image
    }

    static func hexadecimal(_ number: Int, digits: Int) -> String {
        let text = String(number, radix: 16)
        return String(repeating: "0", count: digits - text.count) + text
    }

    private func offer(_ image: PNGImage, of granted: GrantedCell, _ lease: LeaseID) throws -> Offer {
        let sha256 = Self.hexadecimal(granted.position + 0xF00, digits: 64)
        let bytes = try image.encode()
        let file = directory.url.appending(path: SweepDirectory.imagePath(sha256: sha256))
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: file)
        return Offer(
            lease: lease, cell: granted.key, sha256: sha256, bytes: bytes.count,
            timings: Timings(encode: 0.5, denoise: 2, decode: 0.25, png: 0.125))
    }
}

extension PNGImage {
    /// An image of one colour, `0xRRGGBB`.
    static func plain(_ color: UInt32, width: Int = 48, height: Int = 32) throws -> PNGImage {
        let pixel = [UInt8(color >> 16 & 0xFF), UInt8(color >> 8 & 0xFF), UInt8(color & 0xFF)]
        return try PNGImage(
            width: width, height: height, pixels: Array(repeatElement(pixel, count: width * height).joined()))
    }

    /// The pixel as `0xRRGGBB`.
    func color(x: Int, y: Int) -> UInt32 {
        pixels[((y * width + x) * 3)...].prefix(3).reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// The colours of all pixels.
    var colors: Set<UInt32> {
        Set((0..<width * height).map { color(x: $0 % width, y: $0 / width) })
    }
}
