import Foundation
import GRDB
import SharedModel
import Testing

@testable import Coordinator

@Suite("The store")
struct StoreTests {
    @Test("the database is in WAL mode, fully synchronous, with foreign keys")
    func pragmas() async throws {
        let fixture = try await StoreFixture()
        #expect(try await fixture.query("PRAGMA journal_mode") == ["\"wal\""])
        #expect(try await fixture.query("PRAGMA synchronous") == ["2"])
        #expect(try await fixture.query("PRAGMA foreign_keys") == ["1"])
        #expect(
            try await fixture.query(
                "SELECT DISTINCT strict FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'grdb%'"
            ) == ["1"])
    }

    @Test("a shard is granted with everything its metadata needs, in rendering order")
    func grant() async throws {
        let fixture = try await StoreFixture()
        let grant = try await fixture.claim(1)
        let plan = try Fixtures.plan()
        #expect(grant.lease == (try Fixtures.lease(1)))
        #expect(grant.model == "tiny")
        #expect(grant.cells.map(\.key) == plan.shards[0].cells)
        #expect(grant.cells.map(\.cell) == plan.cells.prefix(3).map(\.cell))
        #expect(grant.cells.map(\.position) == [0, 1, 2])
        #expect(grant.cells.allSatisfy { $0.rawPrompt == "raw one" && $0.rawNegativePrompt == "raw bangs" })
        try await fixture.checkInvariants()
    }

    @Test("no cell is granted twice, and nothing when nothing is pending")
    func claims() async throws {
        let fixture = try await StoreFixture()
        let first = try await fixture.claim(1)
        let second = try await fixture.claim(2, by: Fixtures.emmy)
        #expect(Set(first.cells.map(\.key)).isDisjoint(with: second.cells.map(\.key)))
        #expect(try await fixture.store.claim(lease: Fixtures.lease(3), identity: Fixtures.ada) == nil)
        #expect(try await fixture.store.isUnfinished())
    }

    @Test("a worker that was never let in gets nothing")
    func unknownWorker() async throws {
        let fixture = try await StoreFixture()
        #expect(try await fixture.store.claim(lease: Fixtures.lease(1), identity: "nobody") == nil)
        try await fixture.checkInvariants()
    }

    @Test("a released shard is granted again without what is done")
    func regrant() async throws {
        let fixture = try await StoreFixture()
        let first = try await fixture.claim(1)
        #expect(try await fixture.commit(first.cells[1].key, under: 1) == .stored(position: 1, ended: []))
        #expect(try await fixture.end(1, .released) == nil)
        let second = try await fixture.claim(2, by: Fixtures.emmy)
        #expect(second.cells.map(\.key) == [first.cells[0].key, first.cells[2].key])
        try await fixture.checkInvariants()
    }

    @Test("the last result of a lease ends it")
    func finished() async throws {
        let fixture = try await StoreFixture(try Fixtures.plan(prompts: ["one"]))
        let grant = try await fixture.claim(1)
        for cell in grant.cells.dropLast() {
            #expect(try await fixture.commit(cell.key, under: 1) == .stored(position: cell.position, ended: []))
        }
        #expect(
            try await fixture.commit(grant.cells[2].key, under: 1)
                == .stored(position: 2, ended: [try Fixtures.lease(1)]))
        #expect(try await !fixture.store.isUnfinished())
        #expect(try await fixture.query("SELECT state FROM attempt") == ["\"finished\""])
        try await fixture.checkInvariants()
    }

    @Test("a second result of a cell is a duplicate, whoever brings it")
    func duplicate() async throws {
        let fixture = try await StoreFixture()
        let key = try await fixture.claim(1).cells[0].key
        _ = try await fixture.end(1, .expired)
        _ = try await fixture.claim(2, by: Fixtures.emmy)
        #expect(try await fixture.commit(key, under: 2, by: Fixtures.emmy) == .stored(position: 0, ended: []))
        #expect(try await fixture.commit(key, under: 2, by: Fixtures.emmy) == .duplicate)
        #expect(try await fixture.commit(key, under: 1) == .duplicate)
        let judged = try await fixture.store.judge(
            Fixtures.offer(key, under: Fixtures.lease(1)), from: Fixtures.ada)
        #expect(judged == .duplicate)
        #expect(try await fixture.query("SELECT count(*) FROM image") == ["1"])
        try await fixture.checkInvariants()
    }

    @Test("a late result of an undone cell is stored, marked late, and ends the lease that waited for it")
    func late() async throws {
        let fixture = try await StoreFixture(try Fixtures.plan(prompts: ["one"], guidances: 1))
        let key = try await fixture.claim(1).cells[0].key
        _ = try await fixture.end(1, .expired)
        _ = try await fixture.claim(2, by: Fixtures.emmy)
        #expect(try await fixture.commit(key, under: 1) == .stored(position: 0, ended: [try Fixtures.lease(2)]))
        #expect(try await fixture.query("SELECT late FROM image") == ["1"])
        try await fixture.checkInvariants()
    }

    @Test("a failed cell takes a late result too")
    func lateAfterFailure() async throws {
        let fixture = try await StoreFixture()
        let key = try await fixture.claim(1).cells[0].key
        _ = try await fixture.end(1, .released)
        for lease in 2...4 {
            _ = try await fixture.claim(lease)
            let failed = try await fixture.fail(key, under: lease)
            #expect(failed.parked == (lease == 4 ? 0 : nil))
            _ = try await fixture.end(lease, .released)
        }
        #expect(try await fixture.commit(key, under: 1) == .stored(position: 0, ended: []))
        #expect(try await fixture.query("SELECT * FROM failure") == [])
        try await fixture.checkInvariants()
    }

    @Test("a result needs a lease that exists, is the worker's own, and covers the cell")
    func refused() async throws {
        let fixture = try await StoreFixture()
        let mine = try await fixture.claim(1).cells[0].key
        let other = try await fixture.claim(2, by: Fixtures.emmy).cells[0].key
        for (cell, lease, identity) in [
            (mine, 9, Fixtures.ada), (mine, 1, Fixtures.emmy), (other, 1, Fixtures.ada), (mine, 2, Fixtures.emmy),
        ] {
            guard case .refused = try await fixture.commit(cell, under: lease, by: identity) else {
                Issue.record("\(cell) under \(lease) by \(identity)")
                continue
            }
            let offer = Fixtures.offer(cell, under: try Fixtures.lease(lease))
            guard case .refused = try await fixture.store.judge(offer, from: identity) else {
                Issue.record("\(cell) under \(lease) by \(identity)")
                continue
            }
        }
        #expect(try await fixture.query("SELECT count(*) FROM image") == ["0"])
        try await fixture.checkInvariants()
    }

    @Test("an offer that is wanted is answered with the cell's size")
    func wanted() async throws {
        let fixture = try await StoreFixture()
        let key = try await fixture.claim(1).cells[0].key
        let judged = try await fixture.store.judge(Fixtures.offer(key, under: Fixtures.lease(1)), from: Fixtures.ada)
        #expect(judged == .wanted(WorkSize(width: 8, height: 8, steps: 4)))
    }

    @Test("a stored image never changes and an ended attempt never revives")
    func triggers() async throws {
        let fixture = try await StoreFixture()
        let key = try await fixture.claim(1).cells[0].key
        _ = try await fixture.commit(key, under: 1)
        _ = try await fixture.end(1, .released)
        for sql in [
            "UPDATE image SET bytes = 7", "UPDATE attempt SET state = 'live', ended_at = NULL",
            "UPDATE cell SET state = 'leased' WHERE state = 'pending'", "DELETE FROM worker",
            "INSERT INTO image SELECT cell, sha256, bytes, attempt, late, stored_at FROM image",
        ] {
            await #expect(throws: CoordinatorError.self, "\(sql)") { try await fixture.query(sql) }
        }
        try await fixture.checkInvariants()
    }

    @Test("names are made unique, and kept by the worker that had them")
    func names() async throws {
        let fixture = try await StoreFixture(workers: [])
        #expect(try await fixture.store.register(Fixtures.hello("ada", Fixtures.ada)) == "ada")
        #expect(try await fixture.store.register(Fixtures.hello("ada", Fixtures.emmy)) == "ada-2")
        #expect(try await fixture.store.register(Fixtures.hello("ada", Fixtures.ada)) == "ada")
        let long = String(repeating: "n", count: 64)
        #expect(try await fixture.store.register(Fixtures.hello(long, Fixtures.ada)) == long)
        let second = try await fixture.store.register(Fixtures.hello(long, Fixtures.emmy))
        #expect(second.utf8.count <= 64 && second.hasSuffix("-2"))
    }

    @Test("a group's bad job fails alone")
    func groupCommit() async throws {
        let fixture = try await StoreFixture()
        let grant = try await fixture.claim(1)
        try await withThrowingTaskGroup { group in
            for index in 0..<60 {
                group.addTask {
                    if index.isMultiple(of: 3) {
                        await #expect(throws: CoordinatorError.self) {
                            try await fixture.store.committer.perform { db in
                                try db.run("INSERT INTO event (at, kind, text) VALUES ('', 'bad', '')")
                                try db.execute(sql: "INSERT INTO nonsense VALUES (1)")
                            }
                        }
                    } else {
                        try await fixture.store.committer.perform { db in
                            _ = try db.run("INSERT INTO event (at, kind, text) VALUES ('', 'good', '')")
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(
            try await fixture.query("SELECT kind, count(*) FROM event WHERE kind IN ('good', 'bad') GROUP BY 1") == [
                "\"good\"|40"
            ])
        #expect(try await fixture.commit(grant.cells[0].key, under: 1) == .stored(position: 0, ended: []))
    }

    @Test("a result is committed even when the task that brought it is cancelled")
    func cancelled() async throws {
        let fixture = try await StoreFixture()
        let key = try await fixture.claim(1).cells[0].key
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await fixture.commit(key, under: 1)
        }
        #expect(try await task.value == .stored(position: 0, ended: []))
        #expect(try await fixture.query("SELECT count(*) FROM image") == ["1"])
    }

    @Test("in random histories no cell is lost, doubled or left behind", arguments: 0..<12)
    func randomHistory(seed: UInt64) async throws {
        var random = SplitMix(state: seed)
        let fixture = try await StoreFixture(try Fixtures.plan(prompts: ["a", "b", "c"], guidances: 4))
        var grants: [(lease: Int, identity: String, cells: [CellKey])] = []
        for number in 1...120 {
            let identity = Bool.random(using: &random) ? Fixtures.ada : Fixtures.emmy
            let any = grants.randomElement(using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 9:
                let positions = [Int.random(in: 0..<12, using: &random)]
                let priority = Int.random(in: 0..<3, using: &random)
                _ = try await fixture.store.prioritise(
                    PriorityRequest(GridSelection(positions: positions), priority: priority))
            case 8:
                guard let any else { continue }
                let copy = try await fixture.store.copy(
                    Fixtures.lease(any.lease), as: Fixtures.lease(500 + number), for: identity)
                if let copy { grants.append((500 + number, identity, copy.cells.map(\.key))) }
            case 0, 1:
                let grant = try await fixture.store.claim(lease: Fixtures.lease(number), identity: identity)
                if let grant { grants.append((number, identity, grant.cells.map(\.key))) }
            case 2:
                guard let any else { continue }
                let blamed = Bool.random(using: &random) ? any.cells.randomElement(using: &random) : nil
                _ = try await fixture.end(any.lease, .expired, blaming: blamed)
            case 3:
                guard let any, let cell = any.cells.randomElement(using: &random) else { continue }
                let fail = Fail(lease: try Fixtures.lease(any.lease), cell: cell, reason: "random")
                _ = try await fixture.store.fail(fail, from: any.identity)
            case 4:
                _ = try await fixture.store.retryFailed()
            default:
                guard let any, let cell = any.cells.randomElement(using: &random) else { continue }
                let answer = try await fixture.commit(cell, under: any.lease, by: any.identity)
                if case .refused(let reason) = answer { Issue.record("\(reason)") }
            }
        }
        try await fixture.checkInvariants()
        for live in try await fixture.store.recover() {
            _ = try await fixture.store.end(live.lease, .expired, reason: "end")
        }
        _ = try await fixture.store.retryFailed()
        for number in 1000..<1100 {
            guard let grant = try await fixture.store.claim(lease: Fixtures.lease(number), identity: Fixtures.ada)
            else {
                break
            }
            for cell in grant.cells { _ = try await fixture.commit(cell.key, under: number) }
        }
        #expect(try await !fixture.store.isUnfinished())
        #expect(try await fixture.query("SELECT count(*) FROM image") == ["12"])
        #expect(try await fixture.query("SELECT count(*) FROM shard WHERE priority > 0") == ["0"])
        try await fixture.checkInvariants()
    }
}
