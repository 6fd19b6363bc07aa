import Foundation
import GRDB
import SharedModel

/// What comes of a worker that shows a token which has not been revoked.
enum Registration: Equatable, Sendable {
    /// It is let in under this name: its own, or that with a number.
    case registered(name: String)
    /// The token lets nobody new in since this date.
    case expired(Date)
    /// The token has let in as many workers as it may.
    case usedUp(Int)
}

extension SweepStore {
    /// Lets a worker in under a name that no other worker has, if its token still lets it.
    ///
    /// A worker that the token has let in before may come back however late: its identity is a secret of its own.
    func register(_ hello: Hello, with token: TokenRecord) async throws -> Registration {
        let (timestamp, now) = (timestamp, now)
        return try await committer.perform { db in
            let isBack = "SELECT count(*) FROM admission WHERE token = ? AND identity = ?"
            if try db.count(isBack, [token.sha256, hello.identity]) == 0 {
                if let expires = token.expires, expires <= now { return .expired(expires) }
                let uses = try db.count("SELECT count(*) FROM admission WHERE token = ?", [token.sha256])
                if let most = token.uses, uses >= most { return .usedUp(most) }
                try db.run(
                    "INSERT INTO admission (token, identity, admitted_at) VALUES (?, ?, ?)",
                    [token.sha256, hello.identity, timestamp])
            }
            let name = try Self.freeName(like: hello.name, identity: hello.identity, db)
            try db.run(
                """
                INSERT INTO worker (identity, name, device, program, connected, first_seen_at, last_seen_at)
                VALUES (:identity, :name, :device, :program, 1, :now, :now)
                ON CONFLICT (identity) DO UPDATE
                SET name = :name, device = :device, program = :program, connected = 1, last_seen_at = :now, note = NULL
                """,
                [
                    "identity": hello.identity, "name": name, "device": hello.device, "program": hello.program,
                    "now": timestamp,
                ])
            // What it lacked may have been put in its place while it was away.
            try db.run(
                "DELETE FROM inability WHERE worker = (SELECT id FROM worker WHERE identity = ?)", [hello.identity])
            try Self.note(db, at: timestamp, "joined", worker: name, "\(name) joined with \(hello.device)")
            return .registered(name: name)
        }
    }

    /// Remembers that a worker's connection ended.
    func disconnected(identity: String, why: String) async throws {
        let timestamp = timestamp
        try await committer.perform { db in
            let row = try db.row(
                """
                UPDATE worker SET connected = 0, last_seen_at = ? WHERE identity = ? AND connected = 1 RETURNING name
                """, [timestamp, identity])
            guard let name = row?["name"] as String? else { return }
            try Self.note(db, at: timestamp, "left", worker: name, "\(name) left: \(why)")
        }
    }

    /// Remembers why a worker is granted nothing; `nil`: it is again.
    func remark(_ text: String?, on identity: String) async throws {
        let timestamp = timestamp
        try await committer.perform { db in
            let row = try db.row(
                "UPDATE worker SET note = :text WHERE identity = :identity AND note IS NOT :text RETURNING name",
                ["text": text, "identity": identity])
            guard let name = row?["name"] as String? else { return }
            try Self.note(db, at: timestamp, "quarantine", worker: name, text ?? "\(name) is granted cells again")
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

    /// Whether the worker has said that it can't render a model, and none of the undone cells has another.
    func isHopeless(_ identity: String) async throws -> Bool {
        try await committer.perform { db in
            let unable =
                "SELECT fingerprint FROM inability JOIN worker ON worker.id = inability.worker WHERE identity = :identity"
            guard try db.row("\(unable) LIMIT 1", ["identity": identity]) != nil else { return false }
            return try db.row(
                """
                SELECT 1 FROM cell WHERE shard IS NOT NULL AND state IN ('pending', 'leased')
                    AND fingerprint NOT IN (\(unable)) LIMIT 1
                """, ["identity": identity]) == nil
        }
    }

    /// A sentence about pending cells that no connected worker can render; `nil` when there are none.
    func unrenderable() async throws -> String? {
        try await committer.perform { db in
            let lacking = try db.rows(
                """
                SELECT fingerprint, max(reason) AS reason FROM inability
                WHERE NOT EXISTS (
                    SELECT 1 FROM worker WHERE connected = 1 AND NOT EXISTS (
                        SELECT 1 FROM inability AS own
                        WHERE own.worker = worker.id AND own.fingerprint = inability.fingerprint))
                GROUP BY fingerprint
                """)
            for row in lacking {
                let cells = try db.count(
                    "SELECT count(*) FROM cell WHERE state = 'pending' AND shard IS NOT NULL AND fingerprint = ?",
                    [row["fingerprint"] as Int64])
                guard cells > 0 else { continue }
                return "\(cells) cells wait for a worker that can render their model: \(row["reason"] as String)"
            }
            return nil
        }
    }

    /// Writes a line into the sweep's diary.
    static func note(
        _ db: Database, at timestamp: String, _ kind: String, worker: String? = nil, cell: String? = nil,
        _ text: String
    ) throws {
        try db.run(
            "INSERT INTO event (at, kind, worker, cell, text) VALUES (?, ?, ?, ?, ?)",
            [timestamp, kind, worker, cell, text])
    }

    static func freeName(like wanted: String, identity: String, _ db: Database) throws -> String {
        let isTaken = "SELECT count(*) FROM worker WHERE name = ? AND identity <> ?"
        guard try db.count(isTaken, [wanted, identity]) > 0 else { return wanted }
        var number = 2
        while true {
            let suffix = "-\(number)"
            let name = WireText.line(wanted, longest: WireLimits.nameBytes - suffix.utf8.count) + suffix
            if try db.count(isTaken, [name, identity]) == 0 { return name }
            number += 1
        }
    }
}
