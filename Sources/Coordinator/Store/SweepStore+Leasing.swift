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

    /// Leases cells of the first shard with pending ones to a worker, as many as fit in one grant and no more than
    /// `limit`.
    ///
    /// A cell that a worker crashed in is granted last and alone, so that it takes nothing down with it; one that failed
    /// is granted last too. Where two workers ended without a culprit, the shard is granted later than all others, and in
    /// ever smaller pieces, until the culprit is alone. A worker that has such cells has nothing else: what was waiting
    /// to be rendered or delivered when it died must not be mistaken for what killed it.
    ///
    /// - Parameters:
    ///   - lease: The lease to be.
    ///   - identity: The worker's.
    ///   - hasCompany: Whether another worker is connected: what this one failed is then left to that one.
    ///   - limit: The most cells.
    /// - Returns: `nil` when no cell is pending for this worker.
    /// - Throws: What the database says, and ``CoordinatorError`` for a cell with values that no plan wrote.
    func claim(
        lease: LeaseID, identity: String, hasCompany: Bool = false, limit: Int = WireLimits.grantedCells
    ) async throws -> Grant? {
        let (timestamp, now) = (timestamp, now)
        return try await committer.perform { db in
            guard let worker = try db.row("SELECT id FROM worker WHERE identity = ?", [identity]) else { return nil }
            let id: Int64 = worker["id"]
            let avoided = Avoided(
                worker: hasCompany ? id : 0, since: Timestamp.text(now.addingTimeInterval(-Self.othersTurn)))
            let held = try Self.held(by: id, db)
            guard !held.isDangerous,
                let shard = try Self.nextShard(for: id, avoiding: avoided, isFree: held.isNone, db)
            else { return nil }
            let chosen = try Self.pendingCells(of: shard, avoiding: avoided, limit: limit, db)
            guard let model = chosen.first?.model else { return nil }
            let attempt = try Self.insertAttempt(lease, shard: shard, worker: id, at: timestamp, db)
            try Self.cover(chosen, by: attempt, db)
            try db.run(
                """
                UPDATE cell SET state = 'leased', attempt = ?1
                WHERE id IN (SELECT cell FROM attempt_cell WHERE attempt = ?1) AND state = 'pending'
                """, [attempt])
            return Grant(lease: lease, shard: Int(shard), model: model, cells: chosen.map(\.cell))
        }
    }

    /// - Returns: The id of the new row.
    static func insertAttempt(
        _ lease: LeaseID, shard: Int64, worker: Int64, copyOf original: Int64? = nil, at timestamp: String,
        _ db: Database
    ) throws -> Int64 {
        try db.run(
            "INSERT INTO attempt (lease, shard, worker, state, granted_at, copy_of) VALUES (?, ?, ?, 'live', ?, ?)",
            [lease.hex, shard, worker, timestamp, original])
        return db.lastInsertedRowID
    }

    /// Lets an attempt deliver cells.
    static func cover(_ cells: [ChosenCell], by attempt: Int64, _ db: Database) throws {
        let ids = "[" + cells.map { "\($0.id)" }.joined(separator: ",") + "]"
        try db.run("INSERT INTO attempt_cell (attempt, cell) SELECT ?, value FROM json_each(?)", [attempt, ids])
    }

    /// Ends a lease and makes what is undone of it pending again, or leaves it to its copy if there is one.
    ///
    /// A cell that is blamed was being rendered when its worker was heard of last. Was it the worker's only one, that counts
    /// as a crash, and after ``crashLimit`` of them it is parked; else the worker may have gone on to another, and the cell
    /// is only suspected, granted alone from then on. Where nobody knows which cell it was, and there was only one, it was
    /// that one; not at its first deaths, for a grant that is lost with its connection looks the same.
    ///
    /// - Parameters:
    ///   - lease: The lease.
    ///   - ending: How it ended.
    ///   - blamed: The cell that was being rendered.
    ///   - isFirst: Whether it was the worker's oldest lease, which is the one that is being rendered.
    ///   - reason: Why, for people.
    /// - Returns: The cell that was parked, if any.
    /// - Throws: What the database says.
    func end(
        _ lease: LeaseID, _ ending: LeaseEnding, blaming blamed: CellKey? = nil, isFirst: Bool = true, reason: String
    ) async throws -> CellKey? {
        let timestamp = timestamp
        return try await committer.perform { db in
            let ended = try db.row(
                """
                UPDATE attempt SET state = ?, ended_at = ?, reason = ? WHERE lease = ? AND state = 'live'
                RETURNING id, worker AS holder, (SELECT name FROM worker WHERE id = attempt.worker) AS worker
                """, [ending.rawValue, timestamp, reason, lease.hex])
            guard let ended else { return nil }
            let attempt: Int64 = ended["id"]
            let worker: String = ended["worker"]
            try Self.note(db, at: timestamp, ending.rawValue, worker: worker, "Lease of \(worker) \(ending): \(reason)")
            var parked: CellKey?
            if ending != .released, isFirst || blamed != nil {
                try db.run("UPDATE cell SET deaths = deaths + 1 WHERE attempt = ?", [attempt])
                let isOnly = try Self.cellsHeld(in: attempt, db) == 1 && Self.held(by: ended["holder"], db).isNone
                if let culprit = try blamed ?? (isOnly ? Self.onlyCell(of: attempt, db) : nil),
                    try Self.blame(culprit, isOnly: isOnly, attempt: attempt, worker: worker, reason: reason, db)
                {
                    parked = culprit
                    try Self.note(
                        db, at: timestamp, "failed", worker: worker, cell: culprit.hex, "A cell was parked: \(reason)")
                }
            }
            try Self.leaveToCopy(attempt, db)
            try db.run("UPDATE cell SET state = 'pending', attempt = NULL WHERE attempt = ?", [attempt])
            _ = try Self.finishCopies(at: timestamp, db)
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
                WHERE attempt.state = 'live' ORDER BY attempt.id
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

    /// Cells that nobody holds, counted no further than `limit`.
    func pendingCount(upTo limit: Int) async throws -> Int {
        try await committer.perform { db in
            try db.count(
                "SELECT count(*) FROM (SELECT 1 FROM cell WHERE state = 'pending' AND shard IS NOT NULL LIMIT ?)",
                [limit])
        }
    }

    static func isUnfinished(_ db: Database) throws -> Bool {
        if try db.row(anyPending) != nil { return true }
        return try db.row("SELECT 1 FROM cell WHERE attempt IS NOT NULL AND shard IS NOT NULL LIMIT 1") != nil
    }

    private static let anyPending = "SELECT shard FROM cell WHERE state = 'pending' AND shard IS NOT NULL LIMIT 1"

    /// What a worker holds and has not delivered, and whether one of those cells may have killed workers.
    private static func held(by worker: Int64, _ db: Database) throws -> (isNone: Bool, isDangerous: Bool) {
        let row = try db.row(
            """
            SELECT count(*) AS cells, max(cell.crashes > 0 OR cell.deaths > 1) AS dangerous
            FROM attempt JOIN cell ON cell.attempt = attempt.id WHERE attempt.worker = ? AND attempt.state = 'live'
            """, [worker])
        guard let row else { return (true, false) }
        return (row["cells"] as Int == 0, row["dangerous"] as Bool? ?? false)
    }

    private static func cellsHeld(in attempt: Int64, _ db: Database) throws -> Int {
        try db.count("SELECT count(*) FROM cell WHERE attempt = ?", [attempt])
    }

    /// What a worker has failed, and when that is forgotten.
    private struct Avoided {
        /// The worker's row; no worker has the id 0.
        var worker: Int64
        /// Wall time: others have had their chance at what failed before. Whoever is there may still be unable to deliver it.
        var since: String
    }

    /// How long a cell is left to others than the worker that failed it.
    static let othersTurn: TimeInterval = 600

    /// Whether the worker ?1 failed a cell since ?2, or leaves it to others for good, and another that is there can render it.
    private static let isLeftToOthers = """
        EXISTS (
            SELECT 1 FROM failure WHERE failure.cell = cell.id AND failure.worker = ?1
                AND (failed_at IS NULL OR failed_at > ?2))
            AND EXISTS (
                SELECT 1 FROM worker WHERE connected = 1 AND worker.id <> ?1 AND NOT EXISTS (
                    SELECT 1 FROM unfit WHERE unfit.worker = worker.id
                        AND unfit.requirement = (SELECT requirement FROM shard WHERE shard.id = cell.shard)))
        """

    /// The first shard with a pending cell that the worker may have, the prioritised before the others; those that killed
    /// workers come after all others, whatever their priority, and only for a worker that is free.
    private static func nextShard(
        for worker: Int64, avoiding avoided: Avoided, isFree: Bool, _ db: Database
    ) throws -> Int64? {
        // From the shards to their cells, whatever the planner thinks: there may be a million cells that are not for it.
        let fits = try fittingRequirements(of: worker, db).map { "AND shard.requirement IN (\($0))" }
        let source = "shard CROSS JOIN cell ON cell.shard = shard.id \(fits ?? "")"
        for isHarmless in isFree ? [true, false] : [true] {
            let condition = """
                state = 'pending' AND cell.shard IS NOT NULL
                    AND NOT (\(isLeftToOthers))
                    \(isHarmless ? "AND crashes = 0 AND deaths < 2" : "")
                """
            // Each half follows an index of its own, and the second is not looked at when the first has a shard.
            let shard = try db.row(
                """
                SELECT coalesce(
                    (SELECT cell.shard FROM \(source) WHERE shard.priority > 0 AND \(condition)
                        ORDER BY shard.priority DESC, shard.id LIMIT 1),
                    (SELECT cell.shard FROM \(fits == nil ? "cell" : source) WHERE \(condition)
                        ORDER BY \(fits == nil ? "cell.shard" : "shard.id") LIMIT 1)) AS shard
                """, [avoided.worker, avoided.since])
            if let found: Int64 = shard?["shard"] { return found }
        }
        return nil
    }

    private static func pendingCells(
        of shard: Int64, avoiding avoided: Avoided, limit: Int, _ db: Database
    ) throws -> [ChosenCell] {
        let size = try db.count("SELECT cells FROM shard WHERE id = ?", [shard])
        var isFirstHarmless: Bool?
        return try choose(
            db,
            """
            WHERE cell.shard = ?3 AND cell.state = 'pending' AND cell.shard IS NOT NULL AND NOT (\(isLeftToOthers))
            ORDER BY cell.crashes > 0, max(cell.deaths, 1), EXISTS (SELECT 1 FROM failure WHERE failure.cell = cell.id),
                cell.rank
            LIMIT ?4
            """, [avoided.worker, avoided.since, shard, min(max(limit, 1), WireLimits.grantedCells)]
        ) { crashes, deaths in
            // A cell has killed nobody, as far as one can tell: a single death may be anybody's.
            let isHarmless = crashes == 0 && deaths < 2
            let isAmongHarmless = isFirstHarmless ?? isHarmless
            isFirstHarmless = isAmongHarmless
            if isHarmless { return .max }
            // Harmless cells stand in front, and are not granted together with others.
            if isAmongHarmless { return 0 }
            // The second death halves the shard, the next one that half, and so on.
            return crashes > 0 ? 1 : max(1, deaths > 32 ? 1 : size >> (deaths - 1))
        }
    }

    /// The first mark says that a worker ended while the cell was among what it had; each one that had nothing else adds one.
    ///
    /// - Returns: Whether the cell is parked now.
    private static func blame(
        _ key: CellKey, isOnly: Bool, attempt: Int64, worker: String, reason: String, _ db: Database
    ) throws -> Bool {
        let row = try db.row(
            """
            UPDATE cell SET attempts = attempts + 1, crashes = max(crashes, 1) + \(isOnly ? 1 : 0)
            WHERE key = ? AND attempt = ? RETURNING id, crashes
            """, [key.hex, attempt])
        guard isOnly, let row, row["crashes"] as Int > crashLimit else { return false }
        try db.run(
            "UPDATE cell SET state = 'failed', attempt = NULL, reason = ? WHERE id = ?",
            [
                "\(crashLimit) workers ended while they had it alone, \(worker) last: \(reason)",
                row["id"] as Int64,
            ])
        return true
    }

    /// The cell that an attempt holds, which is its only one, if it has died often enough.
    private static func onlyCell(of attempt: Int64, _ db: Database) throws -> CellKey? {
        let row = try db.row("SELECT key FROM cell WHERE attempt = ? AND deaths >= \(crashLimit)", [attempt])
        return row.flatMap { CellKey(hex: $0["key"]) }
    }
}
