import Foundation
import GRDB
import SharedModel
import Testing

@testable import Coordinator

@Suite("The invariants of a database")
struct InvariantTests {
    /// Each rule with a change that breaks it, and that the schema alone lets pass.
    static let damage: [(violation: String, sql: String)] = [
        (
            "leased cells without a live attempt that was granted them",
            "DELETE FROM attempt_cell WHERE cell IN (SELECT id FROM cell WHERE attempt IS NOT NULL)"
        ),
        ("live attempts without a cell", "UPDATE cell SET state = 'pending', attempt = NULL WHERE attempt IS NOT NULL"),
        ("done cells without an image", "DELETE FROM image"),
        ("images of cells that are not done", "UPDATE cell SET state = 'pending' WHERE state = 'done'"),
        (
            "images of cells that their attempt was not granted",
            "DELETE FROM attempt_cell WHERE cell IN (SELECT cell FROM image)"
        ),
        (
            "failures of cells that are done",
            "INSERT INTO failure (cell, worker, times) SELECT image.cell, 1, 1 FROM image"
        ),
        (
            "cells that the grid does not show where they say",
            "UPDATE cell SET position = position + 1 WHERE position = 0"
        ),
        ("positions or cells that the sweep does not count", "UPDATE sweep SET cells = cells + 1"),
        ("images that no worker is credited with", "UPDATE worker SET done = 0"),
    ]

    @Test("every rule has its damage in this suite")
    func complete() {
        #expect(Set(Self.damage.map(\.violation)) == Set(Invariants.rules.map(\.violation)))
    }

    @Test("what breaks a rule is found by it, and a coordinator refuses such a database", arguments: 0..<damage.count)
    func broken(index: Int) async throws {
        let (violation, sql) = Self.damage[index]
        let fixture = try await StoreFixture()
        let key = try await fixture.claim(1).cells[0].key
        _ = try await fixture.commit(key, under: 1)
        try fixture.store.verify()
        _ = try await fixture.store.committer.perform { db in try db.run(sql) }
        let found = try await fixture.store.committer.perform { db in try Invariants.violations(db) }
        #expect(found.contains("there are \(violation)"))
        #expect {
            try fixture.store.verify()
        } throws: { error in
            if case .damagedDatabase? = error as? CoordinatorError {
                "\(error)".contains("tmdne rebuild")
            } else {
                false
            }
        }
    }

    @Test("the database is looked at after a crash, and after a crash alone")
    func uncleanStop() async throws {
        let fixture = try await StoreFixture()
        _ = try await fixture.store.committer.perform { db in try db.run("UPDATE sweep SET cells = cells + 1") }
        await fixture.store.close()
        let directory = fixture.temporary.directory
        let opened = try OpenedDirectory(directory, isEncrypted: false)
        await opened.images.close()
        // As a process that was killed: the lock is free again, and its text is still there.
        await opened.store.close()
        #expect(throws: CoordinatorError.self) {
            withExtendedLifetime(opened) {}
            _ = try OpenedDirectory(directory, isEncrypted: false)
        }
    }

    @Test("whatever the schema demands of a cell is looked at before a start")
    func cellRules() async throws {
        let fixture = try await StoreFixture()
        let schema = try await fixture.store.committer.perform { db in
            try String.fetchOne(db, sql: "SELECT sql FROM sqlite_schema WHERE name = 'cell'") ?? ""
        }
        #expect(schema.matches(of: /(?i)\bcheck\b/).count == SweepStore.cellRules.count)
        for rule in SweepStore.cellRules { #expect(schema.contains("CHECK (\(rule))"), "\(rule)") }
    }

    @Test(
        "rows that the schema forbids are found at every start and by every check, which leaves the files as they are",
        arguments: [
            "UPDATE cell SET crashes = -1 WHERE id = 3", "UPDATE cell SET deaths = -1", "UPDATE worker SET done = -1",
        ])
    func forbidden(sql: String) async throws {
        let fixture = try await StoreFixture()
        _ = try await fixture.claim(1)
        _ = try await fixture.store.committer.perform { db in
            try db.run("PRAGMA ignore_check_constraints = ON")
            try db.run(sql)
        }
        let path = fixture.temporary.directory.database.path
        // What a killed coordinator leaves: most of it in the log.
        let killed = TemporaryDirectory()
        try killed.directory.create()
        let files = [path, path + "-wal"].map { URL(filePath: $0) }
        for file in files {
            try FileManager.default.copyItem(at: file, to: killed.directory.url.appending(path: file.lastPathComponent))
        }
        let problems = try SweepReader(killed.directory).problems()
        #expect(!problems.isEmpty && problems.allSatisfy { $0.contains("CHECK") }, "\(problems)")
        for file in files {
            let copy = killed.directory.url.appending(path: file.lastPathComponent)
            #expect(try Data(contentsOf: copy) == Data(contentsOf: file))
        }
        await fixture.store.close()
        #expect {
            _ = try SweepStore(path: path)
        } throws: { error in
            if case .damagedDatabase(_, let problem)? = error as? CoordinatorError {
                problem.contains("CHECK")
            } else {
                false
            }
        }
    }
}
