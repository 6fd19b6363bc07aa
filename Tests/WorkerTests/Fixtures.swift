import Foundation
import Logging
import SharedModel
import Testing

@testable import Worker

/// Small values that many tests need.
enum Fixtures {
    static func lease(_ number: Int) throws -> LeaseID {
        try #require(LeaseID(hex: hexadecimal(number, digits: 32)))
    }

    static func key(_ number: Int) throws -> CellKey {
        try granted(number).key
    }

    static func granted(_ number: Int, fingerprint: Int = 1) throws -> GrantedCell {
        let cell = Cell(
            fingerprint: hexadecimal(fingerprint, digits: 64), guidance: Decimal(number), height: 16,
            negativePrompt: "", prompt: "woman at a blackboard", sampler: .ddim, seed: 7, steps: 4, width: 24)
        return GrantedCell(
            key: cell.key, cell: cell, position: number, rawPrompt: "woman", rawNegativePrompt: "", style: "none"
        )
    }

    static func grant(_ lease: Int, cells: some Sequence<Int>) throws -> Grant {
        Grant(
            lease: try self.lease(lease), shard: lease, model: "tiny",
            cells: try cells.map { try granted($0) })
    }

    static func entry(_ cell: Int, lease: Int, png: [UInt8] = [1, 2, 3]) throws -> SpoolEntry {
        SpoolEntry(
            lease: try self.lease(lease), cell: try key(cell), sha256: Spool.sha256(of: png), bytes: png.count,
            timings: Timings(encode: 0.25, denoise: 1, decode: 0.5, png: 0.125))
    }

    static let secret = JoinSecret()

    static func token(secret: JoinSecret = secret) throws -> JoinToken {
        try JoinToken(hosts: ["127.0.0.1"], port: 1, secret: secret)
    }

    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// Runs `body` with a new directory that is removed afterwards.
    static func withDirectory<Result>(_ body: (String) async throws -> Result) async throws -> Result {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("tmdne-\(UUID())").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try await body(path)
    }

    private static func hexadecimal(_ number: Int, digits: Int) -> String {
        let text = String(number, radix: 16)
        return String(repeating: "0", count: digits - text.count) + text
    }
}

/// Random numbers that are always the same, so that every wait is known.
struct ConstantGenerator: RandomNumberGenerator, Sendable {
    let value: UInt64

    mutating func next() -> UInt64 { value }
}
