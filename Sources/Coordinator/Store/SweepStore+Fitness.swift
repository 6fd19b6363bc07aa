import Foundation
import GRDB
import SharedModel

/// Which worker can render which cells.
extension SweepStore {
    /// Pending cells are counted no further for a sentence.
    private static let waitingCounted = 10_000

    /// What the sweep's cells want of workers, not yet knowing what that takes.
    func requirements() async throws -> [Requirement] {
        try await committer.perform { db in
            try db.rows(
                """
                SELECT requirement.id, fingerprint.text AS fingerprint, options, width, height, model.text AS model, files
                FROM requirement
                JOIN phrase AS fingerprint ON fingerprint.id = requirement.fingerprint
                JOIN phrase AS model ON model.id = requirement.model ORDER BY requirement.id
                """
            ).compactMap { row -> Requirement? in
                guard let options = StoredOptions.options(row["options"]), let files = StoredOptions.files(row["files"])
                else { return nil }
                let use = ModelUse(
                    name: row["model"], fingerprint: row["fingerprint"], options: options, files: files,
                    width: row["width"], height: row["height"])
                return Requirement(id: row["id"], use: use)
            }
        }
    }

    /// Remembers which cells a worker can't render, in the place of what was known.
    func setMisfits(_ misfits: [Misfit], of identity: String) async throws {
        try await committer.perform { db in
            guard let worker = try db.row("SELECT id FROM worker WHERE identity = ?", [identity]) else { return }
            try Self.setMisfits(misfits, of: worker["id"], db)
        }
    }

    static func setMisfits(_ misfits: [Misfit], of worker: Int64, _ db: Database) throws {
        try db.run("DELETE FROM misfit WHERE worker = ?", [worker])
        for misfit in misfits {
            try db.run(
                "INSERT INTO misfit (worker, requirement, reason, shortage) VALUES (?, ?, ?, ?)",
                [worker, misfit.requirement, misfit.reason, misfit.shortage])
        }
    }

    /// Remembers that a worker can't render the model of a lease that it was granted.
    func cannotRender(_ lease: LeaseID, identity: String, reason: String) async throws {
        let timestamp = timestamp
        try await committer.perform { db in
            let row = try db.row(
                """
                INSERT INTO inability (worker, fingerprint, reason)
                SELECT worker.id, cell.fingerprint, ? FROM attempt
                JOIN worker ON worker.id = attempt.worker
                JOIN attempt_cell ON attempt_cell.attempt = attempt.id
                JOIN cell ON cell.id = attempt_cell.cell
                WHERE attempt.lease = ? AND worker.identity = ? LIMIT 1
                ON CONFLICT DO UPDATE SET reason = excluded.reason
                RETURNING (SELECT name FROM worker WHERE id = worker) AS name
                """, [reason, lease.hex, identity])
            guard let name = row?["name"] as String? else { return }
            try Self.note(db, at: timestamp, "inability", worker: name, reason)
        }
    }

    /// Why a worker can render none of the cells that are left; `nil` when it can, or none is left.
    func hopelessness(of identity: String) async throws -> String? {
        try await committer.perform { db in
            let unfit = try db.row(
                "SELECT worker, reason FROM unfit JOIN worker ON worker.id = unfit.worker WHERE identity = ? LIMIT 1",
                [identity])
            guard let unfit, let fitting = try Self.fittingRequirements(of: unfit["worker"], db) else { return nil }
            let undone = try db.row(
                """
                SELECT 1 FROM shard CROSS JOIN cell ON cell.shard = shard.id
                WHERE requirement IN (\(fitting)) AND state = 'pending' AND cell.shard IS NOT NULL
                UNION ALL
                SELECT 1 FROM cell CROSS JOIN shard ON shard.id = cell.shard
                WHERE requirement IN (\(fitting)) AND cell.attempt IS NOT NULL
                LIMIT 1
                """)
            return undone == nil ? unfit["reason"] : nil
        }
    }

    /// The ids of what a worker can render, parted by commas; `nil` when that is everything.
    static func fittingRequirements(of worker: Int64, _ db: Database) throws -> String? {
        guard try db.row("SELECT 1 FROM unfit WHERE worker = ? LIMIT 1", [worker]) != nil else { return nil }
        return try db.rows(
            "SELECT id FROM requirement WHERE id NOT IN (SELECT requirement FROM unfit WHERE worker = ?)", [worker]
        ).map { "\($0["id"] as Int64)" }.joined(separator: ",")
    }

    /// A sentence about pending cells that no connected worker can render; `nil` when there are none.
    func unrenderable() async throws -> String? {
        try await committer.perform { db in
            let lacking = try db.rows(
                """
                SELECT id FROM requirement
                WHERE EXISTS (SELECT 1 FROM unfit WHERE unfit.requirement = requirement.id) AND NOT EXISTS (
                    SELECT 1 FROM worker WHERE connected = 1 AND NOT EXISTS (
                        SELECT 1 FROM unfit WHERE unfit.worker = worker.id AND unfit.requirement = requirement.id))
                ORDER BY id
                """)
            let waiting = try lacking.compactMap { row in try Self.waiting(for: row["id"], db) }
            guard let first = waiting.first else { return nil }
            return waiting.count == 1
                ? first : "\(first) Cells of \(waiting.count - 1) other models or sizes wait too."
        }
    }

    /// The sentence about the pending cells of a requirement: what the worker lacks that comes nearest to it.
    private static func waiting(for requirement: Int64, _ db: Database) throws -> String? {
        let cells = try pendingCount(of: requirement, db)
        let nearest = try db.row(
            """
            SELECT name, reason FROM unfit JOIN worker ON worker.id = unfit.worker WHERE requirement = ?
            ORDER BY connected DESC, shortage, worker.id LIMIT 1
            """, [requirement])
        guard cells > 0, let nearest else { return nil }
        let count = cells > waitingCounted ? "More than \(waitingCounted) cells" : "\(cells) cells"
        return "\(count) wait for a worker that can render them; \(nearest["name"] as String) can't: "
            + (nearest["reason"] as String)
    }

    private static func pendingCount(of requirement: Int64, _ db: Database) throws -> Int {
        try db.count(
            """
            SELECT count(*) FROM (
                SELECT 1 FROM cell WHERE state = 'pending' AND shard IS NOT NULL
                    AND (SELECT requirement FROM shard WHERE shard.id = cell.shard) = ? LIMIT ?)
            """, [requirement, waitingCounted + 1])
    }
}
