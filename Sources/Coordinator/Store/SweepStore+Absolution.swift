import GRDB
import SharedModel

/// Workers that were taken for dead and are not.
extension SweepStore {
    private static let alive = ", but the worker lives"

    /// The identity of the worker that had a lease.
    func holder(of lease: LeaseID) async throws -> String? {
        try await committer.perform { db in
            try db.row(
                "SELECT identity FROM attempt JOIN worker ON worker.id = attempt.worker WHERE lease = ?", [lease.hex]
            )?["identity"]
        }
    }

    /// Takes back what cells were blamed for when leases expired whose worker was only not heard of.
    ///
    /// A network that is cut, or a host that sleeps, looks like a death; a worker that still holds the lease when it comes
    /// back shows that it was none. What was parked for that alone is pending again. Once for each lease.
    ///
    /// A worker that did die names the lease, too, while its spool holds images of it. That forgives a culprit only for as
    /// long as others of its lease get done: a cell that was granted alone leaves no image when it kills.
    func absolve(_ leases: [LeaseID], of identity: String) async throws {
        let timestamp = timestamp
        try await committer.perform { db in
            for lease in leases {
                let attempt = try db.row(
                    """
                    UPDATE attempt SET reason = reason || :alive
                    WHERE lease = :lease AND state = 'expired' AND reason NOT LIKE '%' || :alive
                        AND worker = (SELECT id FROM worker WHERE identity = :identity)
                    RETURNING id, (SELECT name FROM worker WHERE id = attempt.worker) AS worker
                    """, ["alive": Self.alive, "lease": lease.hex, "identity": identity])
                guard let attempt else { continue }
                let cells = try db.run(
                    """
                    UPDATE cell SET crashes = iif(crashes > 2, crashes - 1, 0), deaths = max(deaths - 1, 0),
                        state = CASE WHEN state = 'failed' AND crashes > :limit THEN 'pending' ELSE state END,
                        reason = CASE WHEN state = 'failed' AND crashes > :limit THEN NULL ELSE reason END
                    WHERE id IN (SELECT cell FROM attempt_cell WHERE attempt = :attempt)
                        AND state <> 'done' AND deaths > 0
                    """, ["limit": Self.crashLimit, "attempt": attempt["id"] as Int64])
                guard cells > 0 else { continue }
                let worker: String = attempt["worker"]
                try Self.note(
                    db, at: timestamp, "absolved", worker: worker, "\(worker) lives: its cells are not to blame")
            }
        }
    }
}
