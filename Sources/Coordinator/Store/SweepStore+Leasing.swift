import Foundation
import GRDB
import SharedModel

/// An attempt that had not ended when the coordinator started.
struct LiveAttempt: Equatable, Sendable {
    var lease: LeaseID
    var identity: String
    /// The cell that its worker was most probably rendering.
    var suspect: CellKey?
}

/// How a lease ended without delivering everything.
enum LeaseEnding: String, Sendable {
    /// The worker gave it back.
    case released
    /// The worker fell silent or came back without it.
    case expired
    /// The coordinator took it back.
    case revoked
}

extension SweepStore {
    /// Crashes, or failures, after which a cell is parked instead of being tried again.
    static let crashLimit = 3

    /// Leases the first shard with pending cells to a worker: all of them that fit in one grant.
    ///
    /// A cell that a worker crashed in is granted last in its shard and alone, so that it takes nothing down with it; one
    /// that failed is granted last too.
    ///
    /// - Parameters:
    ///   - lease: The lease to be.
    ///   - identity: The worker's.
    ///   - hasCompany: Whether another worker is connected: what this one failed is then left to that one.
    /// - Returns: `nil` when no cell is pending for this worker.
    /// - Throws: What the database says, and ``CoordinatorError`` for a cell with values that no plan wrote.
    func claim(lease: LeaseID, identity: String, hasCompany: Bool = false) async throws -> Grant? {
        let timestamp = timestamp
        return try await committer.perform { db in
            let worker: Int64? = try db.row("SELECT id FROM worker WHERE identity = ?", [identity])?["id"]
            // No worker has the id 0.
            let avoided = hasCompany ? worker ?? 0 : 0
            guard let first = try db.row(Self.nextShard, [avoided]) else { return nil }
            let shard: Int64 = first["shard"]
            let chosen = try Self.pendingCells(of: shard, notFailedBy: avoided, db)
            let attempt: Int64? = try db.row(
                """
                INSERT INTO attempt (lease, shard, worker, state, granted_at)
                SELECT ?, ?, id, 'live', ? FROM worker WHERE identity = ? RETURNING id
                """, [lease.hex, shard, timestamp, identity])?["id"]
            guard let attempt, let model = chosen.first?.model else { return nil }
            for (id, _, _) in chosen {
                try db.run(
                    "UPDATE cell SET state = 'leased', attempt = ? WHERE id = ? AND state = 'pending'", [attempt, id])
                try db.run("INSERT INTO attempt_cell (attempt, cell) VALUES (?, ?)", [attempt, id])
            }
            return Grant(lease: lease, shard: Int(shard), model: model, cells: chosen.map(\.cell))
        }
    }

    /// Ends a lease and makes what is undone of it pending again.
    ///
    /// A cell that is blamed was being rendered when its worker crashed; after ``crashLimit`` crashes it is parked.
    ///
    /// - Returns: The cell that was parked, if any.
    func end(
        _ lease: LeaseID, _ ending: LeaseEnding, blaming blamed: CellKey? = nil, reason: String
    ) async throws -> CellKey? {
        let timestamp = timestamp
        return try await committer.perform { db in
            let ended = try db.row(
                """
                UPDATE attempt SET state = ?, ended_at = ?, reason = ? WHERE lease = ? AND state = 'live'
                RETURNING id, (SELECT name FROM worker WHERE id = attempt.worker) AS worker
                """, [ending.rawValue, timestamp, reason, lease.hex])
            guard let ended else { return nil }
            let attempt: Int64 = ended["id"]
            let worker: String = ended["worker"]
            try Self.note(db, at: timestamp, ending.rawValue, worker: worker, "Lease of \(worker) \(ending): \(reason)")
            var parked: CellKey?
            if let blamed, try Self.blame(blamed, attempt: attempt, worker: worker, reason: reason, db) {
                parked = blamed
                try Self.note(
                    db, at: timestamp, "failed", worker: worker, cell: blamed.hex, "A cell was parked: \(reason)")
            }
            try db.run("UPDATE cell SET state = 'pending', attempt = NULL WHERE attempt = ?", [attempt])
            return parked
        }
    }

    /// What was leased when the last coordinator stopped; its workers may come back for it.
    ///
    /// A cell that kills the process may kill the coordinator with it, and what the last beat said is lost. So the first
    /// undone cell of each worker's oldest lease, which is rendered first, is the suspect: it is blamed if the worker comes
    /// back without the lease or not at all. Such a blame is a guess, and a process may be killed at any moment; so the
    /// crashes of a suspect are forgiven when its worker has delivered anything since the coordinator last started. Only
    /// deaths in a row without an image between them add up, and only a cell that never gets done has those.
    func recover() async throws -> [LiveAttempt] {
        let timestamp = timestamp
        return try await committer.perform { db in
            let suspects = try Self.suspects(db)
            try db.run("UPDATE sweep SET state = 'running', message = NULL, started_at = ?", [timestamp])
            try db.run("UPDATE worker SET connected = 0 WHERE connected = 1")
            let live = try db.rows(
                """
                SELECT attempt.id, lease, identity FROM attempt JOIN worker ON worker.id = attempt.worker
                WHERE attempt.state = 'live'
                """)
            return live.compactMap { row in
                LeaseID(hex: row["lease"]).map {
                    LiveAttempt(lease: $0, identity: row["identity"], suspect: suspects[row["id"]])
                }
            }
        }
    }

    /// The suspect of each worker's oldest live attempt, its crashes forgiven where the worker made progress.
    private static func suspects(_ db: Database) throws -> [Int64: CellKey] {
        var suspects: [Int64: CellKey] = [:]
        for oldest in try db.rows("SELECT min(id) AS id, worker FROM attempt WHERE state = 'live' GROUP BY worker") {
            let attempt: Int64 = oldest["id"]
            let first = try db.row(
                "SELECT id, key FROM cell WHERE attempt = ? ORDER BY crashes > 0, rank LIMIT 1", [attempt])
            guard let first, let key = CellKey(hex: first["key"]) else { continue }
            suspects[attempt] = key
            try db.run(
                """
                UPDATE cell SET crashes = 0 WHERE id = ? AND EXISTS (
                    SELECT 1 FROM image JOIN attempt ON attempt.id = image.attempt
                    WHERE attempt.worker = ? AND image.stored_at >= (SELECT started_at FROM sweep))
                """, [first["id"] as Int64, oldest["worker"] as Int64])
        }
        return suspects
    }

    /// Whether any cell of the grid is neither done nor failed.
    func isUnfinished() async throws -> Bool {
        try await committer.perform { db in try Self.isUnfinished(db) }
    }

    static func isUnfinished(_ db: Database) throws -> Bool {
        if try db.row(nextShard, [0]) != nil { return true }
        return try db.row("SELECT 1 FROM cell WHERE attempt IS NOT NULL AND shard IS NOT NULL LIMIT 1") != nil
    }

    private static let nextShard = """
        SELECT shard FROM cell
        WHERE state = 'pending' AND shard IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM failure WHERE failure.cell = cell.id AND failure.worker = ?)
        ORDER BY shard LIMIT 1
        """

    private static func pendingCells(
        of shard: Int64, notFailedBy avoided: Int64, _ db: Database
    ) throws -> [(id: Int64, model: String, cell: GrantedCell)] {
        let rows = try db.rows(
            """
            SELECT cell.*, fingerprint.text AS fingerprint_text, prompt.text AS prompt_text,
                negative.text AS negative_text, model.text AS model_text, raw.text AS raw_text,
                raw_negative.text AS raw_negative_text, style.text AS style_text, position.files AS files_text
            FROM cell
            JOIN phrase AS fingerprint ON fingerprint.id = cell.fingerprint
            JOIN phrase AS prompt ON prompt.id = cell.prompt
            JOIN phrase AS negative ON negative.id = cell.negative_prompt
            JOIN position ON position.id = cell.position
            JOIN phrase AS model ON model.id = position.model
            JOIN phrase AS raw ON raw.id = position.prompt
            JOIN phrase AS raw_negative ON raw_negative.id = position.negative_prompt
            JOIN phrase AS style ON style.id = position.style
            WHERE cell.shard = ? AND cell.state = 'pending' AND cell.shard IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM failure WHERE failure.cell = cell.id AND failure.worker = ?)
            ORDER BY cell.crashes > 0, EXISTS (SELECT 1 FROM failure WHERE failure.cell = cell.id), cell.rank LIMIT ?
            """, [shard, avoided, WireLimits.grantedCells])
        var chosen: [(id: Int64, model: String, cell: GrantedCell)] = []
        var bytes = 0
        for row in rows {
            guard let granted = grantedCell(row) else {
                throw CoordinatorError.store("cell \(row["id"] as Int64) holds values that no plan wrote")
            }
            bytes += granted.wireBytes
            let hasCrashed = row["crashes"] as Int > 0
            guard chosen.isEmpty || (bytes <= GrantSize.limit && !hasCrashed) else { break }
            chosen.append((row["id"], row["model_text"], granted))
            if hasCrashed { break }
        }
        return chosen
    }

    private static func grantedCell(_ row: Row) -> GrantedCell? {
        guard let key = CellKey(hex: row["key"]), let guidance = Decimal(string: row["guidance"]),
            let seed = UInt64(row["seed"] as String), let sampler = SamplerName(rawValue: row["sampler"]),
            let options = StoredOptions.options(row["options"]), let files = StoredOptions.files(row["files_text"])
        else { return nil }
        let cell = Cell(
            fingerprint: row["fingerprint_text"], guidance: guidance, height: row["height"],
            negativePrompt: row["negative_text"], options: options, prompt: row["prompt_text"], sampler: sampler,
            seed: seed, steps: row["steps"], width: row["width"])
        return GrantedCell(
            key: key, cell: cell, position: row["position"], rawPrompt: row["raw_text"],
            rawNegativePrompt: row["raw_negative_text"], style: row["style_text"], files: files)
    }

    /// - Returns: Whether the cell is parked now.
    private static func blame(
        _ key: CellKey, attempt: Int64, worker: String, reason: String, _ db: Database
    ) throws -> Bool {
        let row = try db.row(
            """
            UPDATE cell SET attempts = attempts + 1, crashes = crashes + 1 WHERE key = ? AND attempt = ?
            RETURNING id, crashes
            """, [key.hex, attempt])
        guard let row, row["crashes"] as Int >= crashLimit else { return false }
        try db.run(
            "UPDATE cell SET state = 'failed', attempt = NULL, reason = ? WHERE id = ?",
            [
                "\(row["crashes"] as Int) workers ended while rendering it, \(worker) last: \(reason)",
                row["id"] as Int64,
            ])
        return true
    }
}
