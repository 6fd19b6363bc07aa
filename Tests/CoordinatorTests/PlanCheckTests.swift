import Foundation
import GRDB
import SharedModel
import Testing

@testable import Coordinator

@Suite("The check of a plan")
struct PlanCheckTests {
    @Test("cells are found by their keys in whatever order they are asked for")
    func finder() throws {
        let plan = try Fixtures.plan(prompts: ["one", "two", "three"], guidances: 20)
        let keys = plan.cells.map(\.key)
        var finder = try PlanCheck(plan).finder
        var generator = SplitMix(state: 4)
        let orders = [Array(keys.indices), Array(keys.indices.reversed()), keys.indices.shuffled(using: &generator)]
        for order in orders + [Array(stride(from: 0, to: keys.count, by: 7))] {
            for index in order { #expect(finder.index(of: keys[index]) == index) }
        }
        let stranger = try Fixtures.key(of: Fixtures.cell(prompt: "four", guidance: 1))
        #expect(finder.index(of: stranger) == nil)
        #expect(finder.index(of: keys[0]) == 0)
    }

    @Test("a plan keeps its digest, so that the directories of earlier versions are resumed and not edited")
    func digest() throws {
        // The SHA-256 of every field in turn, texts behind their lengths as 8 bytes, worked out in Python.
        let golden = "6e594ae72fb2e638ae8b1d89ff6df540b06124820ac6fb4739fa47a32a4d1a17"
        #expect(try PlanDigest.digest(of: Fixtures.plan()) == golden)
    }

    @Test("a statement in bulk stores what it is given, and says what SQLite has against it")
    func bulk() async throws {
        let fixture = try await StoreFixture()
        try await fixture.store.committer.perform { db in
            var insert = try BulkStatement(db, "INSERT INTO phrase (id, text) VALUES (?, ?)")
            for id in [Int64.max, 1000] {
                insert.add(id)
                insert.add(Array("caf\u{E9} \u{0}\(id)".utf8))
                try insert.run()
            }
            insert.add(1000)
            insert.add([])
            #expect(throws: DatabaseError.self) { try insert.run() }
            insert.add(1001)
            insert.add([])
            try insert.run()
        }
        let rows = try await fixture.query("SELECT id, hex(text) FROM phrase WHERE id >= 1000 ORDER BY id")
        let digits = { (text: String) in text.utf8.map { String(format: "%02X", $0) }.joined() }
        #expect(
            rows == [
                "1000|\"\(digits("caf\u{E9} \u{0}1000"))\"", "1001|\"\"",
                "\(Int64.max)|\"\(digits("caf\u{E9} \u{0}\(Int64.max)"))\"",
            ])
    }

    @Test("after a plan, also after one that is refused, foreign keys are looked up again")
    func foreignKeys() async throws {
        let fixture = try await StoreFixture()
        for plan in [try Fixtures.plan(prompts: ["one"]), try Fixtures.plan(name: "other")] {
            _ = try? await fixture.store.adopt(plan, directory: "DIR")
            await #expect(throws: CoordinatorError.self) {
                try await fixture.store.committer.perform { db in
                    try db.run("INSERT INTO image VALUES (99, ?, 1, 1, 0, '')", [Fixtures.fingerprint])
                }
            }
        }
    }

    @Test("rows in bulk all arrive, however their number fits into statements", arguments: [1, 63, 64, 65, 200])
    func bulkInsert(count: Int) async throws {
        let fixture = try await StoreFixture()
        try await fixture.store.committer.perform { db in
            var insert = try BulkInsert(db, into: "phrase (id, text)", columns: 2, count: count)
            for id in 1000..<(1000 + count) {
                insert.add(id)
                insert.add(Array("\(id)".utf8))
                try insert.endRow()
            }
        }
        let rows = try await fixture.query("SELECT count(*), sum(id = text) FROM phrase WHERE id >= 1000")
        #expect(rows == ["\(count)|\(count)"])
    }

    @Test("a job that fails alone leaves nothing behind, and the next one goes on")
    func loneFailure() async throws {
        let fixture = try await StoreFixture()
        await #expect(throws: CoordinatorError.self) {
            try await fixture.store.committer.perform { db in
                try db.run("INSERT INTO event (at, kind, text) VALUES ('', 'bad', '')")
                try db.execute(sql: "INSERT INTO nonsense VALUES (1)")
            }
        }
        try await fixture.store.committer.perform { db in
            _ = try db.run("INSERT INTO event (at, kind, text) VALUES ('', 'good', '')")
        }
        #expect(try await fixture.query("SELECT kind FROM event WHERE kind IN ('good', 'bad')") == ["\"good\""])
    }
}
