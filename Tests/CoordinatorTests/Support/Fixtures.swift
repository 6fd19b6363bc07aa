import Crypto
import Foundation
import SharedModel
import Testing

@testable import Coordinator

/// Plans and names that tests share.
enum Fixtures {
    static let ada = String(repeating: "a", count: 32)
    static let emmy = String(repeating: "e", count: 32)
    static let fingerprint = String(repeating: "f", count: 64)

    static func lease(_ number: Int) throws -> LeaseID {
        let digits = String(number, radix: 16)
        return try #require(LeaseID(hex: String(repeating: "0", count: 32 - digits.count) + digits))
    }

    static func hello(
        _ name: String, _ identity: String, secret: String = "", version: Int = WireLimits.protocolVersion,
        leases: [LeaseID] = []
    ) -> Hello {
        Hello(
            version: version, secret: secret, name: name, identity: identity, device: "cpu", program: "test",
            leases: leases)
    }

    static func cell(prompt: String, guidance: Int, size: Int = 8) -> Cell {
        Cell(
            fingerprint: fingerprint, guidance: Decimal(guidance), height: size, negativePrompt: "bangs",
            prompt: prompt, sampler: .ddim, seed: .max, steps: 4, width: size)
    }

    static func key(of cell: Cell) throws -> CellKey {
        let text = "\(cell.prompt)|\(cell.guidance)|\(cell.width)"
        return try #require(CellKey(hex: Hexadecimal.encode(SHA256.hash(data: Data(text.utf8)))))
    }

    /// One shard a prompt, one cell a guidance value from 1.
    ///
    /// A prompt that comes twice makes two positions of each of its cells.
    static func plan(
        name: String = "sweep", prompts: [String] = ["one", "two"], guidances: Int = 3, source: String = "name: sweep"
    ) throws -> SweepPlan {
        var positions: [Position] = []
        var cells: [PlannedCell] = []
        var shards: [Shard] = []
        var known: Set<CellKey> = []
        for prompt in prompts {
            var shard: [CellKey] = []
            for guidance in 1...guidances {
                let cell = Self.cell(prompt: prompt, guidance: guidance)
                let key = try key(of: cell)
                if known.insert(key).inserted {
                    cells.append(PlannedCell(key: key, cell: cell, firstPosition: positions.count))
                    shard.append(key)
                }
                positions.append(
                    Position(
                        index: positions.count, cell: key, model: "tiny", prompt: "raw \(prompt)",
                        negativePrompt: "raw bangs", style: "none", guidance: cell.guidance, seed: cell.seed,
                        steps: cell.steps, sampler: cell.sampler, width: cell.width, height: cell.height))
            }
            if !shard.isEmpty { shards.append(Shard(cells: shard)) }
        }
        return SweepPlan(name: name, source: source, positions: positions, cells: cells, shards: shards)
    }

    static func offer(
        _ cell: CellKey, under lease: LeaseID, image: [UInt8] = [1, 2, 3], sha256: String? = nil
    ) -> Offer {
        Offer(
            lease: lease, cell: cell, sha256: sha256 ?? Hexadecimal.encode(SHA256.hash(data: Data(image))),
            bytes: image.count, timings: Timings(encode: 0.25, denoise: 1, decode: 0.5, png: 0.25))
    }
}

/// A directory that is removed with the test.
final class TemporaryDirectory: Sendable {
    let directory: SweepDirectory

    init() {
        directory = SweepDirectory(
            FileManager.default.temporaryDirectory.appending(path: "tmdne-\(UUID().uuidString)"))
    }

    deinit {
        try? FileManager.default.removeItem(at: directory.url)
    }
}

/// A small seeded generator (SplitMix64), so that a failing history can be run again.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
