import Foundation
import GRDB
import SharedModel

/// Works out how a sweep stands from its tables alone.
enum StatusQuery {
    /// The rate is taken over the images of this time, so that it follows workers that come and go.
    static let rateWindow: TimeInterval = 300
    /// Longest list of failures in a status; it must fit in a frame.
    private static let failuresShown = 20
    /// Most workers in a status; it must fit in a frame.
    private static let workersShown = 500

    static func status(_ db: Database, now: Date, isServed: Bool) throws -> SweepStatus {
        guard let sweep = try db.row("SELECT name, state, message, started_at, positions, cells FROM sweep") else {
            throw CoordinatorError.noSweep(directory: "The database")
        }
        let cells: Int = sweep["cells"]
        let pending = try db.count("SELECT count(*) FROM cell WHERE state = 'pending' AND shard IS NOT NULL")
        let leased = try db.count("SELECT count(*) FROM cell WHERE attempt IS NOT NULL AND shard IS NOT NULL")
        let failed = try db.count("SELECT count(*) FROM cell WHERE state = 'failed' AND shard IS NOT NULL")
        let undone = pending + leased
        let prioritised = try db.count(
            """
            SELECT (SELECT count(*) FROM shard CROSS JOIN cell ON cell.shard = shard.id
                    WHERE priority > 0 AND state = 'pending' AND cell.shard IS NOT NULL)
                + (SELECT count(*) FROM cell CROSS JOIN shard ON shard.id = cell.shard
                    WHERE attempt IS NOT NULL AND priority > 0)
            """)
        let rate = isServed ? try imagesPerMinute(db, startedAt: sweep["started_at"], now: now) : nil
        return SweepStatus(
            sweep: sweep["name"],
            state: undone == 0 ? .done : isServed ? SweepStatus.State(rawValue: sweep["state"]) ?? .running : .stopped,
            message: isServed ? sweep["message"] : nil,
            positions: sweep["positions"], cells: cells, done: cells - undone - failed,
            failed: failed, leased: leased, pending: pending, prioritised: prioritised, imagesPerMinute: rate,
            etaSeconds: undone == 0 ? 0 : rate.map { Double(undone) / $0 * 60 },
            workers: try workers(db, isServed: isServed), failures: try failures(db))
    }

    private static func imagesPerMinute(_ db: Database, startedAt: String, now: Date) throws -> Double? {
        let start = max(now.addingTimeInterval(-rateWindow), Timestamp.date(startedAt) ?? .distantPast)
        let seconds = now.timeIntervalSince(start)
        let images = try db.count("SELECT count(*) FROM image WHERE stored_at > ?", [Timestamp.text(start)])
        guard images > 0, seconds > 0 else { return nil }
        return Double(images) / seconds * 60
    }

    private static func workers(_ db: Database, isServed: Bool) throws -> [SweepStatus.Worker] {
        try db.rows(
            """
            SELECT name, device, connected, done, seconds, note,
                EXISTS (SELECT 1 FROM attempt WHERE attempt.worker = worker.id AND attempt.state = 'live') AS working
            FROM worker ORDER BY connected DESC, id LIMIT \(workersShown)
            """
        ).map { row in
            let isConnected = isServed && row["connected"] as Bool
            let done: Int = row["done"]
            // Those whose images were found on the disk again have no times.
            let seconds: Double = row["seconds"]
            let note: String? = isConnected ? row["note"] : nil
            let state: SweepStatus.Worker.State = row["working"] ? .working : note == nil ? .idle : .quarantined
            return SweepStatus.Worker(
                name: row["name"], device: row["device"], state: isConnected ? state : .away, done: done,
                secondsPerImage: done > 0 && seconds > 0 ? seconds / Double(done) : nil, note: note)
        }
    }

    private static func failures(_ db: Database) throws -> [SweepStatus.Failure] {
        try db.rows(
            """
            SELECT key, position, reason FROM cell WHERE state = 'failed' AND shard IS NOT NULL
            ORDER BY position LIMIT \(failuresShown)
            """
        ).compactMap { row in
            CellKey(hex: row["key"]).map {
                SweepStatus.Failure(cell: $0, position: row["position"], reason: row["reason"])
            }
        }
    }
}

extension SweepStore {
    /// How the sweep stands, as the coordinator that holds this store sees it.
    func status() async throws -> SweepStatus {
        let now = now
        return try await committer.perform { db in try StatusQuery.status(db, now: now, isServed: true) }
    }

    /// The first position that shows each cell; cells that the grid does not show are left out.
    func positions(of cells: [CellKey]) async throws -> [CellKey: Int] {
        guard !cells.isEmpty else { return [:] }
        return try await committer.perform { db in
            try cells.reduce(into: [:]) { positions, cell in
                positions[cell] = try db.row(
                    "SELECT position FROM cell WHERE key = ? AND shard IS NOT NULL", [cell.hex])?["position"]
            }
        }
    }

    /// Publishes what the coordinator does, for those who read the database.
    func publish(_ state: SweepStatus.State, message: String?) async throws {
        let timestamp = timestamp
        try await committer.perform { db in
            let changed = try db.run(
                "UPDATE sweep SET state = :state, message = :message WHERE state <> :state OR message IS NOT :message",
                ["state": state.rawValue, "message": message])
            if changed > 0 { try Self.note(db, at: timestamp, state.rawValue, message ?? "The sweep is \(state).") }
        }
    }
}
