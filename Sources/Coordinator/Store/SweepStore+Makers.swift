import GRDB
import SharedModel

/// A worker that delivered an image.
struct ImageMaker: Hashable, Sendable {
    var identity: String
    var name: String
    var device: String
    var program: String
}

extension SweepReader {
    /// Who delivered the image of each cell that has one.
    func makers() throws -> [CellKey: ImageMaker] {
        try database.read { db in
            let rows = try db.rows(
                """
                SELECT cell.key, identity, name, device, program FROM image
                JOIN cell ON cell.id = image.cell JOIN attempt ON attempt.id = image.attempt
                JOIN worker ON worker.id = attempt.worker
                """)
            var makers: [CellKey: ImageMaker] = [:]
            for row in rows {
                guard let key = CellKey(hex: row["key"]) else { continue }
                makers[key] = ImageMaker(
                    identity: row["identity"], name: row["name"], device: row["device"], program: row["program"])
            }
            return makers
        }
    }
}

extension SweepStore {
    /// Leaves cells to other workers than these, for as long as any other is there: as if these had failed them.
    func leaveToOthers(_ makers: [CellKey: ImageMaker]) async throws {
        let timestamp = timestamp
        try await committer.perform { db in
            for maker in Set(makers.values) {
                try db.run(
                    """
                    INSERT INTO worker (identity, name, device, program, connected, first_seen_at, last_seen_at)
                    VALUES (?, ?, ?, ?, 0, ?, ?) ON CONFLICT DO NOTHING
                    """, [maker.identity, maker.name, maker.device, maker.program, timestamp, timestamp])
            }
            for (cell, maker) in makers {
                try db.run(
                    """
                    INSERT INTO failure (cell, worker, times)
                    SELECT cell.id, worker.id, 1 FROM cell, worker WHERE cell.key = ? AND worker.identity = ?
                    ON CONFLICT DO NOTHING
                    """, [cell.hex, maker.identity])
            }
        }
    }
}
