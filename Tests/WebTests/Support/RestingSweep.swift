import Foundation
import PNG
import SharedModel
import Testing

@testable import Coordinator

/// A directory with a small sweep of which every image but the last is done, removed with the test.
final class RestingSweep: Sendable {
    static let guidance: [Decimal] = [5, 5.5, 6]

    let directory = SweepDirectory(
        FileManager.default.temporaryDirectory.appending(path: "tmdne-web-\(UUID().uuidString)"))

    init(prompt: String = "a circle", styles: [String] = ["none", "photo"]) async throws {
        var plan = SweepPlan(name: "small & <quick>", source: "name: small\n", positions: [], cells: [], shards: [])
        for style in styles {
            plan.shards.append(Shard(cells: try Self.guidance.map { try Self.add(prompt, style, $0, to: &plan) }))
        }
        try directory.create()
        let store = try SweepStore(path: directory.database.path)
        _ = try await store.adopt(plan, directory: directory.url.path)
        let identity = Self.hexadecimal(1, digits: 32)
        let secret = try #require(JoinSecret(bytes: Array(repeating: 7, count: 32)))
        _ = try await store.register(
            Hello(
                version: 1, secret: "", name: "one", identity: identity, device: "cpu", program: "test", leases: []),
            with: TokenRecord(name: "test", secret: secret, created: Date(timeIntervalSince1970: 0)))
        for number in 1...styles.count {
            let lease = try #require(LeaseID(hex: Self.hexadecimal(number, digits: 32)))
            let grant = try #require(try await store.claim(lease: lease, identity: identity))
            for cell in grant.cells where cell.position != plan.positions.count - 1 {
                let offer = try deliver(cell, lease)
                _ = try await store.commit(offer, from: identity, uploadSeconds: 0.125)
            }
        }
        await store.close()
    }

    deinit {
        try? FileManager.default.removeItem(at: directory.url)
    }

    /// Lets `body` judge.
    func review(_ body: (ReviewBook, [GridRow]) async throws -> Void) async throws {
        let reviewed = try ReviewedDirectory(directory)
        try await body(reviewed.reviews, try SweepReader(directory).rows())
        await reviewed.close()
    }

    private static func add(
        _ prompt: String, _ style: String, _ guidance: Decimal, to plan: inout SweepPlan
    ) throws -> CellKey {
        let index = plan.positions.count
        let key = try #require(CellKey(hex: hexadecimal(index + 0xABC, digits: 64)))
        let cell = Cell(
            fingerprint: hexadecimal(0, digits: 64), guidance: guidance, height: 32, negativePrompt: "",
            prompt: "\(prompt) in \(style)", sampler: .euler, seed: 7, steps: 20, width: 48)
        plan.cells.append(PlannedCell(key: key, cell: cell, firstPosition: index))
        plan.positions.append(
            Position(
                index: index, cell: key, model: "tmdne-tiny", prompt: prompt, negativePrompt: "", style: style,
                guidance: guidance, seed: 7, steps: 20, sampler: .euler, width: 48, height: 32))
        return key
    }

    private func deliver(_ granted: GrantedCell, _ lease: LeaseID) throws -> Offer {
        let shade = UInt8(40 * granted.position)
        let image = try PNGImage(width: 48, height: 32, pixels: Array(repeating: shade, count: 48 * 32 * 3))
        let bytes = try image.encode()
        let sha256 = Self.hexadecimal(granted.position + 0xF00, digits: 64)
        let file = directory.url.appending(path: SweepDirectory.imagePath(sha256: sha256))
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: file)
        return Offer(
            lease: lease, cell: granted.key, sha256: sha256, bytes: bytes.count,
            timings: Timings(encode: 0.5, denoise: 2, decode: 0.25, png: 0.125))
    }

    private static func hexadecimal(_ number: Int, digits: Int) -> String {
        let text = String(number, radix: 16)
        return String(repeating: "0", count: digits - text.count) + text
    }
}
