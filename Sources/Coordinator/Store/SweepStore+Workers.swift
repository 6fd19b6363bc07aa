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
    ///
    /// - Parameters:
    ///   - hello: What it says of itself.
    ///   - token: What it shows.
    ///   - misfits: Which cells it can't render by what it says.
    /// - Returns: What comes of it.
    /// - Throws: What the database says.
    func register(_ hello: Hello, with token: TokenRecord, misfits: [Misfit] = []) async throws -> Registration {
        let (timestamp, now) = (timestamp, now)
        let able = try hello.able.map(Self.text)
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
            let row = try db.row(
                """
                INSERT INTO worker (identity, name, device, program, able, connected, first_seen_at, last_seen_at)
                VALUES (:identity, :name, :device, :program, :able, 1, :now, :now)
                ON CONFLICT (identity) DO UPDATE
                SET name = :name, device = :device, program = :program, able = :able, connected = 1,
                    last_seen_at = :now, note = NULL
                RETURNING id
                """,
                [
                    "identity": hello.identity, "name": name, "device": hello.device, "program": hello.program,
                    "able": able, "now": timestamp,
                ])
            if let worker: Int64 = row?["id"] {
                // What it lacked may have been put in its place while it was away.
                try db.run("DELETE FROM inability WHERE worker = ?", [worker])
                try Self.setMisfits(misfits, of: worker, db)
            }
            try Self.note(db, at: timestamp, "joined", worker: name, "\(name) joined with \(hello.device)")
            return .registered(name: name)
        }
    }

    private static func text(of able: Ability) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(able), as: UTF8.self)
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
