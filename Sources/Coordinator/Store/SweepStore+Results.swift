import GRDB
import SharedModel

/// What the coordinator makes of an offered image.
enum OfferAnswer: Equatable, Sendable {
    /// The image is wanted: a PNG of this size.
    case wanted(WorkSize)
    case duplicate
    case refused(String)
}

/// What came of a verified image that is on the disk.
enum DeliveryAnswer: Equatable, Sendable {
    /// Committed; the leases that have nothing left to deliver ended with it.
    case stored(position: Int, ended: [LeaseID])
    case duplicate
    case refused(String)
}

extension SweepStore {
    /// The sweep file's name for the model with a fingerprint; `nil` when no position needs it.
    func modelName(of fingerprint: String) async throws -> String? {
        try await committer.perform { db in
            let row = try db.row(
                """
                SELECT model.text AS name FROM phrase AS hash
                JOIN cell ON cell.fingerprint = hash.id
                JOIN position ON position.cell = cell.id
                JOIN phrase AS model ON model.id = position.model
                WHERE hash.text = ? LIMIT 1
                """, [fingerprint])
            if let name: String = row?["name"] { return name }
            // A LoRA or a VAE that a cell's options add to its model.
            let file = try db.row(
                """
                SELECT file.value AS name FROM position, json_each(position.files) AS file
                WHERE position.files <> '{}' AND file.key = ? LIMIT 1
                """, [fingerprint])
            if let name: String = file?["name"] { return name }
            return try db.row("SELECT preview AS name FROM sweep WHERE preview_sha256 = ?", [fingerprint])?["name"]
        }
    }

    /// Judges an offer before its bytes are asked for. Reads only.
    func judge(_ offer: Offer, from identity: String) async throws -> OfferAnswer {
        try await committer.perform { db in
            let row = try db.row(
                """
                SELECT cell.state, cell.width, cell.height, cell.steps FROM attempt
                JOIN worker ON worker.id = attempt.worker
                JOIN attempt_cell ON attempt_cell.attempt = attempt.id
                JOIN cell ON cell.id = attempt_cell.cell
                WHERE attempt.lease = ? AND worker.identity = ? AND cell.key = ?
                """, [offer.lease.hex, identity, offer.cell.hex])
            guard let row else { return .refused(Self.notGranted) }
            guard row["state"] != "done" else { return .duplicate }
            return .wanted(WorkSize(width: row["width"], height: row["height"], steps: row["steps"]))
        }
    }

    /// Commits a verified image, if its lease was this worker's, covers the cell, and the cell is undone.
    ///
    /// A lease that has ended still delivers: late work on an undone cell is as good as any.
    ///
    /// The hash and length of `offer` have been verified; `uploadSeconds` is the time since it was made.
    func commit(_ offer: Offer, from identity: String, uploadSeconds: Double) async throws -> DeliveryAnswer {
        let timestamp = timestamp
        return try await committer.perform { db in
            let inserted = try db.row(
                """
                INSERT INTO image (cell, sha256, bytes, attempt, late, stored_at)
                SELECT cell.id, :sha256, :bytes, attempt.id, attempt.state <> 'live', :now FROM attempt
                JOIN worker ON worker.id = attempt.worker
                JOIN attempt_cell ON attempt_cell.attempt = attempt.id
                JOIN cell ON cell.id = attempt_cell.cell
                WHERE attempt.lease = :lease AND worker.identity = :identity AND cell.key = :key
                    AND cell.state <> 'done'
                ON CONFLICT DO NOTHING RETURNING cell, attempt
                """,
                [
                    "sha256": offer.sha256, "bytes": offer.bytes, "now": timestamp, "lease": offer.lease.hex,
                    "identity": identity, "key": offer.cell.hex,
                ])
            guard let inserted else {
                let isDone = try db.count(
                    "SELECT count(*) FROM cell WHERE key = ? AND state = 'done'", [offer.cell.hex])
                return isDone > 0 ? .duplicate : .refused(Self.notGranted)
            }
            let cell: Int64 = inserted["cell"]
            let holder: Int64? = try db.row("SELECT attempt FROM cell WHERE id = ?", [cell])?["attempt"]
            let done = try db.row(
                """
                UPDATE cell SET state = 'done', attempt = NULL, reason = NULL, attempts = attempts + 1 WHERE id = ?
                RETURNING position
                """, [cell])
            try db.run("DELETE FROM failure WHERE cell = ?", [cell])
            let timings = offer.timings
            try db.run(
                "INSERT INTO timing (cell, encode, denoise, decode, png, upload) VALUES (?, ?, ?, ?, ?, ?)",
                [cell, timings.encode, timings.denoise, timings.decode, timings.png, uploadSeconds])
            try db.run(
                "UPDATE worker SET done = done + 1, seconds = seconds + ? WHERE identity = ?",
                [timings.encode + timings.denoise + timings.decode + timings.png, identity])
            let ended = try Self.finish(holder.map { [$0] } ?? [], at: timestamp, db)
            return .stored(position: done?["position"] ?? 0, ended: ended + (try Self.finishCopies(at: timestamp, db)))
        }
    }

    /// Whether a row has the hash of an offer that was answered, or may get it.
    ///
    /// - Returns: `true` when the database can't tell.
    func needsFile(of offer: Offer, after outcome: Ack.Outcome) async -> Bool {
        switch outcome {
        case .stored, .later: true
        case .duplicate, .refused:
            (try? await committer.perform { db in
                try db.count("SELECT count(*) FROM image WHERE sha256 = ?", [offer.sha256])
            }) != 0
        }
    }

    /// Takes note that a worker could not render a cell: it is tried again, or parked once it must be the cell's fault.
    ///
    /// It is the cell's when two workers failed, or one did as often as a cell may crash. Else one sick worker would park
    /// the whole sweep while others render it without trouble.
    ///
    /// - Returns: The cell's first position when it was parked, and the leases that ended with it. Nothing when the lease
    ///   is not live or does not hold the cell any more.
    func fail(_ fail: Fail, from identity: String) async throws -> (parked: Int?, ended: [LeaseID]) {
        let timestamp = timestamp
        return try await committer.perform { db in
            let holder = try db.row(
                """
                SELECT attempt.id, attempt.copy_of, worker.id AS worker, worker.name
                FROM attempt JOIN worker ON worker.id = attempt.worker
                WHERE attempt.lease = ? AND attempt.state = 'live' AND worker.identity = ?
                """, [fail.lease.hex, identity])
            guard let holder else { return (nil, []) }
            let attempt: Int64 = holder["id"]
            let cell = try db.row(
                """
                UPDATE cell SET state = 'pending', attempt = NULL, attempts = attempts + 1
                WHERE key = ? AND attempt = ? RETURNING id, position
                """, [fail.cell.hex, attempt])
            guard let cell = try cell ?? Self.cell(fail.cell, ofCopy: holder, db) else { return (nil, []) }
            let id: Int64 = cell["id"]
            let keeper: Int64? = try db.row("SELECT attempt FROM cell WHERE id = ?", [id])?["attempt"]
            let reason = fail.reason.isEmpty ? "The worker gave no reason." : fail.reason
            let isParked = try Self.countFailure(of: id, by: holder["worker"], at: timestamp, db)
            if isParked {
                try db.run("UPDATE cell SET state = 'failed', attempt = NULL, reason = ? WHERE id = ?", [reason, id])
            }
            try Self.note(
                db, at: timestamp, "failed", worker: holder["name"], cell: fail.cell.hex,
                "A cell failed\(isParked ? "" : " and is tried again"): \(reason)")
            let held = holder["copy_of"] as Int64? == nil ? [attempt] : []
            let ended = try Self.finish(held + (isParked ? keeper.map { [$0] } ?? [] : []), at: timestamp, db)
            return (isParked ? cell["position"] : nil, ended + (try Self.finishCopies(at: timestamp, db)))
        }
    }

    /// Makes every failed cell of the grid pending again, its crashes and failures forgiven.
    ///
    /// - Returns: How many there were.
    func retryFailed() async throws -> Int {
        let timestamp = timestamp
        return try await committer.perform { db in
            try db.run("DELETE FROM failure WHERE cell IN (SELECT id FROM cell WHERE state = 'failed')")
            let count = try db.run(
                """
                UPDATE cell SET state = 'pending', crashes = 0, deaths = 0, reason = NULL
                WHERE state = 'failed' AND shard IS NOT NULL
                """)
            if count > 0 { try Self.note(db, at: timestamp, "retry", "\(count) failed cells are tried again") }
            return count
        }
    }

    /// - Returns: Whether the cell has failed often enough to be parked.
    private static func countFailure(
        of cell: Int64, by worker: Int64, at timestamp: String, _ db: Database
    ) throws -> Bool {
        try db.run(
            """
            INSERT INTO failure (cell, worker, times, failed_at) VALUES (?, ?, 1, ?)
            ON CONFLICT (cell, worker) DO UPDATE SET times = times + 1, failed_at = excluded.failed_at
            """, [cell, worker, timestamp])
        return try db.count("SELECT count(*) > 1 OR sum(times) >= \(crashLimit) FROM failure WHERE cell = ?", [cell])
            > 0
    }

    private static let notGranted = "The cell was not granted under this lease to this worker."

    /// Ends those of `attempts` that hold no cell any more.
    static func finish(_ attempts: [Int64], at timestamp: String, _ db: Database) throws -> [LeaseID] {
        try attempts.compactMap { attempt in
            let row = try db.row(
                """
                UPDATE attempt SET state = 'finished', ended_at = ?
                WHERE id = ? AND state = 'live' AND NOT EXISTS (SELECT 1 FROM cell WHERE cell.attempt = ?)
                RETURNING lease
                """, [timestamp, attempt, attempt])
            return row.flatMap { LeaseID(hex: $0["lease"]) }
        }
    }
}
