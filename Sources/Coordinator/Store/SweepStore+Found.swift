import Crypto
import Foundation
import GRDB
import SharedModel

/// A sound image on the disk that the database does not know, and what it says of itself.
struct FoundImage: Sendable {
    var cell: CellKey
    var sha256: String
    var bytes: Int
    var writtenAt: Date
    /// What rendered it.
    var device: String
    var program: String

    init(_ image: StoredImage, _ metadata: ImageMetadata) {
        cell = metadata.key
        sha256 = image.sha256
        bytes = image.bytes.count
        writtenAt = image.writtenAt
        device = metadata.device
        program = metadata.program
    }
}

extension SweepStore {
    /// Takes images that are on the disk for those of their cells, where a cell has none.
    ///
    /// Who delivered them is not known any more: they are credited to a worker `found` for each device that images name.
    ///
    /// - Returns: Which of `images` were taken.
    func take(_ images: [FoundImage]) async throws -> [Bool] {
        let now = timestamp
        return try await committer.perform { db in
            var attempts: [String: Int64] = [:]
            return try images.map { image in
                let cell = try db.row(
                    """
                    SELECT id, attempt, coalesce(shard, (SELECT min(id) FROM shard)) AS shard FROM cell
                    WHERE key = ? AND state <> 'done'
                    """, [image.cell.hex])
                guard let cell else { return false }
                let (id, shard): (Int64, Int64) = (cell["id"], cell["shard"])
                let worker = try Self.finder(of: image, at: now, db)
                let attempt =
                    try attempts["\(worker) \(shard)"] ?? Self.foundAttempt(worker: worker, shard: shard, at: now, db)
                attempts["\(worker) \(shard)"] = attempt
                try db.run("INSERT INTO attempt_cell (attempt, cell) VALUES (?, ?)", [attempt, id])
                try db.run(
                    "INSERT INTO image (cell, sha256, bytes, attempt, late, stored_at) VALUES (?, ?, ?, ?, 0, ?)",
                    [id, image.sha256, image.bytes, attempt, Timestamp.text(image.writtenAt)])
                try db.run(
                    "UPDATE cell SET state = 'done', attempt = NULL, reason = NULL, attempts = attempts + 1 WHERE id = ?",
                    [id])
                try db.run("DELETE FROM failure WHERE cell = ?", [id])
                try db.run("UPDATE worker SET done = done + 1 WHERE id = ?", [worker])
                _ = try Self.finish((cell["attempt"] as Int64?).map { [$0] } ?? [], at: now, db)
                return true
            }
        }
    }

    /// The worker that stands for whoever delivered a found image.
    private static func finder(of image: FoundImage, at now: String, _ db: Database) throws -> Int64 {
        let device = WireText.line(image.device, longest: WireLimits.deviceBytes)
        let program = WireText.line(image.program, longest: WireLimits.nameBytes)
        let digest = SHA256.hash(data: Data("found \(device)\n\(program)".utf8))
        let identity = String(Hexadecimal.encode(digest).prefix(32))
        if let known = try db.row("SELECT id FROM worker WHERE identity = ?", [identity]) { return known["id"] }
        let name = try freeName(like: "found", identity: identity, db)
        try db.run(
            """
            INSERT INTO worker (identity, name, device, program, connected, first_seen_at, last_seen_at)
            VALUES (?, ?, ?, ?, 0, ?, ?)
            """, [identity, name, device, program, now, now])
        return db.lastInsertedRowID
    }

    private static func foundAttempt(worker: Int64, shard: Int64, at now: String, _ db: Database) throws -> Int64 {
        var generator = SystemRandomNumberGenerator()
        try db.run(
            """
            INSERT INTO attempt (lease, shard, worker, state, reason, granted_at, ended_at)
            VALUES (?, ?, ?, 'finished', 'its images were found on the disk', ?, ?)
            """, [LeaseID(using: &generator).hex, shard, worker, now, now])
        return db.lastInsertedRowID
    }
}
