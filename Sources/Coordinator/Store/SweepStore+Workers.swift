import GRDB
import SharedModel

extension SweepStore {
    /// Remembers a worker that was let in, under a name that no other worker has.
    ///
    /// - Returns: The name to show: the worker's own, or that with a number.
    func register(_ hello: Hello) async throws -> String {
        let timestamp = timestamp
        return try await committer.perform { db in
            let name = try Self.freeName(like: hello.name, identity: hello.identity, db)
            try db.run(
                """
                INSERT INTO worker (identity, name, device, program, connected, first_seen_at, last_seen_at)
                VALUES (:identity, :name, :device, :program, 1, :now, :now)
                ON CONFLICT (identity) DO UPDATE
                SET name = :name, device = :device, program = :program, connected = 1, last_seen_at = :now
                """,
                [
                    "identity": hello.identity, "name": name, "device": hello.device, "program": hello.program,
                    "now": timestamp,
                ])
            try Self.note(db, at: timestamp, "joined", worker: name, "\(name) joined with \(hello.device)")
            return name
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
