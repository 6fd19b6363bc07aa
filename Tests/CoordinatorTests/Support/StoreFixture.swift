import Foundation
import GRDB
import SharedModel
import Synchronization
import Testing

@testable import Coordinator

/// A store in a directory of its own, with wall time that tests set.
final class StoreFixture: Sendable {
    let temporary = TemporaryDirectory()
    let store: SweepStore
    private let clock: Clock

    init(_ plan: SweepPlan? = nil, workers: [String] = [Fixtures.ada, Fixtures.emmy]) async throws {
        let clock = Clock()
        try temporary.directory.create()
        store = try SweepStore(path: temporary.directory.database.path, wallClock: { clock.now })
        self.clock = clock
        _ = try await store.adopt(plan ?? Fixtures.plan(), directory: "DIR")
        for (index, worker) in workers.enumerated() {
            _ = try await store.register(Fixtures.hello("worker-\(index + 1)", worker))
        }
    }

    func advance(by seconds: Double) {
        clock.advance(by: seconds)
    }

    var now: Date { clock.now }

    func claim(_ lease: Int, by identity: String = Fixtures.ada) async throws -> Grant {
        try #require(try await store.claim(lease: Fixtures.lease(lease), identity: identity))
    }

    func commit(
        _ cell: CellKey, under lease: Int, by identity: String = Fixtures.ada
    ) async throws -> DeliveryAnswer {
        try await store.commit(
            Fixtures.offer(cell, under: Fixtures.lease(lease)), from: identity, uploadSeconds: 0.5)
    }

    func fail(
        _ cell: CellKey, under lease: Int, by identity: String = Fixtures.ada
    ) async throws -> (parked: Int?, ended: [LeaseID]) {
        try await store.fail(Fail(lease: Fixtures.lease(lease), cell: cell, reason: "No tokens."), from: identity)
    }

    func end(
        _ lease: Int, _ ending: LeaseEnding, blaming blamed: CellKey? = nil
    ) async throws -> CellKey? {
        try await store.end(Fixtures.lease(lease), ending, blaming: blamed, reason: "test")
    }

    /// Runs SQL as a person with sqlite3 would, and returns each row as text.
    func query(_ sql: String) async throws -> [String] {
        try await store.committer.perform { db in
            try Row.fetchAll(db, sql: sql).map { row in
                row.databaseValues.map { $0.isNull ? "NULL" : "\($0)" }.joined(separator: "|")
            }
        }
    }

    /// Checks what must hold in any database at any time.
    func checkInvariants(_ location: SourceLocation = #_sourceLocation) async throws {
        let rules = [
            "leased cells without a live attempt":
                "SELECT c.id FROM cell c LEFT JOIN attempt a ON a.id = c.attempt WHERE c.state = 'leased' AND a.state IS NOT 'live'",
            "leased cells that their attempt was not granted":
                """
            SELECT c.id FROM cell c WHERE c.attempt IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM attempt_cell g WHERE g.cell = c.id AND g.attempt = c.attempt)
            """,
            "live attempts without a cell":
                """
            SELECT id FROM attempt a WHERE state = 'live' AND copy_of IS NULL
            AND NOT EXISTS (SELECT 1 FROM cell WHERE attempt = a.id)
            """,
            "live copies without an undone cell":
                """
            SELECT id FROM attempt a WHERE state = 'live' AND copy_of IS NOT NULL AND NOT EXISTS (
                SELECT 1 FROM attempt_cell g JOIN cell ON cell.id = g.cell
                WHERE g.attempt = a.id AND cell.state IN ('pending', 'leased'))
            """,
            "done cells without an image":
                "SELECT id FROM cell WHERE state = 'done' AND id NOT IN (SELECT cell FROM image)",
            "images of cells that are not done":
                "SELECT cell FROM image JOIN cell ON cell.id = image.cell WHERE cell.state <> 'done'",
            "images without timings": "SELECT cell FROM image WHERE cell NOT IN (SELECT cell FROM timing)",
            "images of cells that their attempt was not granted":
                """
            SELECT i.cell FROM image i
            WHERE NOT EXISTS (SELECT 1 FROM attempt_cell g WHERE g.cell = i.cell AND g.attempt = i.attempt)
            """,
            "counts that do not add up":
                "SELECT 1 FROM sweep WHERE cells <> (SELECT count(*) FROM cell WHERE shard IS NOT NULL)",
            "priorities of what is over":
                """
            SELECT id FROM shard WHERE priority > 0
            AND id NOT IN (SELECT shard FROM cell WHERE state IN ('pending', 'leased') AND shard IS NOT NULL)
            """,
            "workers' counts": "SELECT 1 WHERE (SELECT sum(done) FROM worker) <> (SELECT count(*) FROM image)",
        ]
        for (name, sql) in rules {
            #expect(try await query(sql) == [], "\(name)", sourceLocation: location)
        }
        #expect(try await query("PRAGMA integrity_check") == ["\"ok\""], sourceLocation: location)
        #expect(try await query("PRAGMA foreign_key_check") == [], sourceLocation: location)
    }

    private final class Clock: Sendable {
        private let current = Mutex(Date(timeIntervalSince1970: 1_800_000_000))

        var now: Date { current.withLock(\.self) }

        func advance(by seconds: Double) {
            current.withLock { $0 += seconds }
        }
    }
}

extension SweepStore {
    /// Registers a worker that comes with a token of its own making, which lets in anybody.
    func register(_ hello: Hello) async throws -> String {
        let secret = try #require(JoinSecret(bytes: Array(repeating: 7, count: 32)))
        let token = try TokenRecord(name: "test", secret: secret, created: Date(timeIntervalSince1970: 0))
        guard case .registered(let name) = try await register(hello, with: token) else {
            throw CoordinatorError.noToken(name: "test")
        }
        return name
    }
}
