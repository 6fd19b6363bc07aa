import GRDB
package import SharedModel

/// How one position stands, in what changes while a sweep runs.
package struct PositionMark: Equatable, Sendable {
    package enum State: String, Sendable {
        case pending, leased, done, failed
    }

    package var state: State
    /// Of the image, if there is one.
    package var sha256: String?
    /// `keep`, `reject` or `disputed`.
    package var verdict: String?
}

/// An opinion with the position that shows its cell first.
package struct PlacedOpinion: Equatable, Sendable {
    package var position: Int
    package var opinion: Opinion
}

/// An image that was rendered, and what it took.
package struct RenderedImage: Equatable, Sendable {
    package var worker: String
    /// Wall time of its commit, as ISO 8601 text.
    package var storedAt: String
    package var timings: GridRow.Timing
}

extension SweepReader {
    /// A number that changes when somebody else has changed the database.
    package func dataVersion() throws -> Int {
        try database.read { db in try db.count("PRAGMA data_version") }
    }

    /// How every position stands, in grid order.
    package func marks() throws -> [PositionMark] {
        try database.read { db in
            let rows = try Row.fetchCursor(
                db,
                sql: """
                    SELECT cell.state, image.sha256, verdict.verdict FROM position
                    JOIN cell ON cell.id = position.cell
                    LEFT JOIN image ON image.cell = cell.id
                    LEFT JOIN verdict ON verdict.cell = cell.id
                    ORDER BY position.id
                    """)
            var marks: [PositionMark] = []
            while let row = try rows.next() {
                // The schema lets no other state in.
                let state = PositionMark.State(rawValue: row[0]) ?? .pending
                marks.append(PositionMark(state: state, sha256: row[1], verdict: row[2]))
            }
            return marks
        }
    }

    /// How one position stands, its verdict left out; `nil` when the grid has none of that number.
    package func mark(_ position: Int) throws -> PositionMark? {
        try database.read { db in
            try db.row(
                """
                SELECT cell.state, image.sha256 FROM position JOIN cell ON cell.id = position.cell
                LEFT JOIN image ON image.cell = cell.id WHERE position.id = ?
                """, [position]
            ).map { PositionMark(state: PositionMark.State(rawValue: $0["state"]) ?? .pending, sha256: $0["sha256"]) }
        }
    }

    /// The latest opinion of every auditor on every cell of the grid, in the order of saying; of one auditor, or on one
    /// cell, when it is named.
    package func opinions(of auditor: String? = nil, on cell: CellKey? = nil) throws -> [PlacedOpinion] {
        try database.read { db in
            try db.rows(
                """
                SELECT cell.position, cell.key, opinion_now.* FROM opinion_now
                JOIN cell ON cell.id = opinion_now.cell
                WHERE cell.shard IS NOT NULL AND (?1 IS NULL OR auditor = ?1) AND (?2 IS NULL OR cell.key = ?2)
                ORDER BY opinion_now.id
                """, [auditor, cell?.hex]
            ).compactMap { row in
                guard let key = CellKey(hex: row["key"]), let verdict = Opinion.Verdict(rawValue: row["verdict"])
                else { return nil }
                return PlacedOpinion(
                    position: row["position"],
                    opinion: Opinion(
                        cell: key, auditor: row["auditor"], verdict: verdict, tags: FlawTag.list(row["tags"]),
                        note: row["note"]))
            }
        }
    }

    /// The first position that shows a cell; `nil` when the grid has none.
    package func position(of cell: CellKey) throws -> Int? {
        try database.read { db in
            try db.row("SELECT position FROM cell WHERE key = ? AND shard IS NOT NULL", [cell.hex])?["position"]
        }
    }

    /// Images that have not been measured yet, at most `limit`, the oldest first.
    package func unmeasured(limit: Int) throws -> [(cell: CellKey, sha256: String)] {
        try images(without: "measure", limit: limit)
    }

    /// Images whose writing has not been read yet, at most `limit`, the oldest first.
    package func unread(limit: Int) throws -> [(cell: CellKey, sha256: String)] {
        try images(without: "reading", limit: limit)
    }

    private func images(without table: String, limit: Int) throws -> [(cell: CellKey, sha256: String)] {
        try database.read { db in
            try db.rows(
                """
                SELECT cell.key, image.sha256 FROM image JOIN cell ON cell.id = image.cell
                WHERE image.cell NOT IN (SELECT cell FROM \(table)) ORDER BY image.stored_at LIMIT ?
                """, [limit]
            ).compactMap { row in CellKey(hex: row["key"]).map { ($0, row["sha256"]) } }
        }
    }

    /// The readings of every position that has one.
    package func readings() throws -> [Int: BoardReading] {
        try database.read { db in
            let rows = try Row.fetchCursor(
                db, sql: "SELECT position.id, reading.* FROM position JOIN reading ON reading.cell = position.cell")
            var readings: [Int: BoardReading] = [:]
            while let row = try rows.next() { readings[row["id"]] = BoardReading(row) }
            return readings
        }
    }

    /// The measures of every position that has them.
    package func measures() throws -> [Int: ImageMeasures] {
        try database.read { db in
            let rows = try Row.fetchCursor(
                db, sql: "SELECT position.id, measure.* FROM position JOIN measure ON measure.cell = position.cell")
            var measures: [Int: ImageMeasures] = [:]
            while let row = try rows.next() { measures[row["id"]] = ImageMeasures(row) }
            return measures
        }
    }

    /// The last images, at most `limit`, the oldest of them first.
    package func renderedImages(limit: Int) throws -> [RenderedImage] {
        try database.read { db in
            try db.rows(
                """
                SELECT worker.name, image.stored_at, timing.* FROM image JOIN timing ON timing.cell = image.cell
                JOIN attempt ON attempt.id = image.attempt JOIN worker ON worker.id = attempt.worker
                ORDER BY image.stored_at DESC LIMIT ?
                """, [limit]
            ).reversed().map { row in
                RenderedImage(
                    worker: row["name"], storedAt: row["stored_at"],
                    timings: GridRow.Timing(
                        encode: row["encode"], denoise: row["denoise"], decode: row["decode"], png: row["png"],
                        upload: row["upload"], total: row["total"]))
            }
        }
    }
}
