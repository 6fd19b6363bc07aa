import GRDB
import SharedModel

/// A lease near the end of a sweep, when nothing is pending any more.
struct TailLease: Equatable, Sendable {
    var lease: LeaseID
    /// The worker that holds it.
    var identity: String
    /// Cells that it still owes.
    var undone: Int
    var size: WorkSize
}

/// Speculative copies: an idle worker renders what a slow one holds, from the other end, and the first result wins.
///
/// The attempt that is copied keeps its cells; only when it ends do they become its copy's.
extension SweepStore {
    /// Longest list of leases that may be copied: the oldest, which most probably are the slowest.
    private static let tailShown = 64

    /// The live leases of other workers that have no copy yet and that `identity` could render.
    func tail(for identity: String) async throws -> [TailLease] {
        try await committer.perform { db in
            let rows = try db.rows(
                """
                SELECT attempt.lease, worker.identity, count(*) AS undone, cell.width, cell.height, cell.steps
                FROM attempt
                JOIN worker ON worker.id = attempt.worker
                JOIN cell ON cell.attempt = attempt.id
                WHERE attempt.state = 'live' AND attempt.copy_of IS NULL AND worker.identity <> :identity
                    AND cell.crashes = 0
                    AND NOT EXISTS (
                        SELECT 1 FROM attempt AS copy WHERE copy.copy_of = attempt.id AND copy.state = 'live')
                    AND NOT EXISTS (
                        SELECT 1 FROM unfit JOIN shard USING (requirement) JOIN worker AS own ON own.id = unfit.worker
                        WHERE shard.id = attempt.shard AND own.identity = :identity)
                GROUP BY attempt.id ORDER BY attempt.id LIMIT \(Self.tailShown)
                """, ["identity": identity])
            return rows.compactMap { row in
                LeaseID(hex: row["lease"]).map {
                    TailLease(
                        lease: $0, identity: row["identity"], undone: row["undone"],
                        size: WorkSize(width: row["width"], height: row["height"], steps: row["steps"]))
                }
            }
        }
    }

    /// Grants the undone cells of a live lease to a second worker, the last first: its holder works from the front.
    ///
    /// - Returns: `nil` when the lease is not live any more, or the worker failed all of its cells before.
    func copy(_ original: LeaseID, as lease: LeaseID, for identity: String) async throws -> Grant? {
        let timestamp = timestamp
        return try await committer.perform { db in
            let copied = try db.row(
                """
                SELECT attempt.id, shard, (SELECT id FROM worker WHERE identity = ?) AS worker FROM attempt
                WHERE lease = ? AND state = 'live' AND copy_of IS NULL
                    AND NOT EXISTS (
                        SELECT 1 FROM attempt AS copy WHERE copy.copy_of = attempt.id AND copy.state = 'live')
                """, [identity, original.hex])
            guard let copied, let worker: Int64 = copied["worker"] else { return nil }
            let shard: Int64 = copied["shard"]
            let id: Int64 = copied["id"]
            let chosen = try Self.choose(
                db,
                """
                WHERE cell.attempt = ? AND cell.crashes = 0
                    AND NOT EXISTS (SELECT 1 FROM failure WHERE failure.cell = cell.id AND failure.worker = ?)
                ORDER BY cell.rank DESC LIMIT \(WireLimits.grantedCells)
                """, [id, worker]
            ) { _, _ in .max }
            guard let model = chosen.first?.model else { return nil }
            let attempt = try Self.insertAttempt(lease, shard: shard, worker: worker, copyOf: id, at: timestamp, db)
            try Self.cover(chosen, by: attempt, db)
            return Grant(lease: lease, shard: Int(shard), model: model, cells: chosen.map(\.cell))
        }
    }

    /// Makes the cells of an attempt that ends those of its live copy, which then is an attempt like any other; but for
    /// those that the copy's worker has failed, and goes on without.
    static func leaveToCopy(_ attempt: Int64, _ db: Database) throws {
        let copy = try db.row("SELECT id, worker FROM attempt WHERE copy_of = ? AND state = 'live'", [attempt])
        guard let copy else { return }
        let id: Int64 = copy["id"]
        let left = try db.run(
            """
            UPDATE cell SET attempt = ?1
            WHERE attempt = ?2 AND id IN (SELECT cell FROM attempt_cell WHERE attempt_cell.attempt = ?1)
                AND NOT EXISTS (SELECT 1 FROM failure WHERE failure.cell = cell.id AND failure.worker = ?3)
            """, [id, attempt, copy["worker"] as Int64])
        if left > 0 { try db.run("UPDATE attempt SET copy_of = NULL WHERE id = ?", [id]) }
    }

    /// The undone cell of a copy whose worker failed it; the holder of the original goes on with it.
    ///
    /// - Returns: The cell's `id` and `position`; `nil` when the attempt is no copy, or the cell is not undone in it.
    static func cell(_ key: CellKey, ofCopy attempt: Row, _ db: Database) throws -> Row? {
        guard attempt["copy_of"] as Int64? != nil else { return nil }
        let id: Int64 = attempt["id"]
        return try db.row(
            """
            SELECT cell.id, cell.position FROM cell JOIN attempt_cell ON attempt_cell.cell = cell.id
            WHERE cell.key = ? AND attempt_cell.attempt = ? AND cell.state IN ('pending', 'leased')
            """, [key.hex, id])
    }

    /// Ends the copies that have nothing left to deliver: what their worker failed, it will not.
    static func finishCopies(at timestamp: String, _ db: Database) throws -> [LeaseID] {
        try db.rows(
            """
            UPDATE attempt SET state = 'finished', ended_at = ?
            WHERE state = 'live' AND copy_of IS NOT NULL AND NOT EXISTS (
                SELECT 1 FROM attempt_cell JOIN cell ON cell.id = attempt_cell.cell
                WHERE attempt_cell.attempt = attempt.id AND cell.state IN ('pending', 'leased')
                    AND NOT EXISTS (
                        SELECT 1 FROM failure WHERE failure.cell = cell.id AND failure.worker = attempt.worker))
            RETURNING lease
            """, [timestamp]
        ).compactMap { LeaseID(hex: $0["lease"]) }
    }
}
