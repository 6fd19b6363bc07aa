import Foundation
import GRDB
import SharedModel
import Testing

@testable import Coordinator

@Suite("Failures, deaths, and what cells and workers are blamed for")
struct BlameTests {
    @Test("a cell that two workers failed is parked with its reason; only the lease that holds it can fail it")
    func fail() async throws {
        let fixture = try await StoreFixture(try Fixtures.plan(prompts: ["one"], guidances: 1))
        let key = try await fixture.claim(1).cells[0].key
        #expect(try await fixture.fail(key, under: 1, by: Fixtures.emmy).ended == [])
        let failed = try await fixture.fail(key, under: 1)
        #expect(failed.parked == nil)
        #expect(failed.ended == [try Fixtures.lease(1)])
        #expect(try await fixture.fail(key, under: 1).ended == [])
        #expect(try await fixture.query("SELECT state, attempts FROM cell") == ["\"pending\"|1"])
        #expect(try await fixture.store.isUnfinished())
        try await fixture.checkInvariants()

        _ = try await fixture.claim(2, by: Fixtures.emmy)
        let parked = try await fixture.fail(key, under: 2, by: Fixtures.emmy)
        #expect(parked.parked == 0)
        #expect(parked.ended == [try Fixtures.lease(2)])
        #expect(try await fixture.query("SELECT state, reason FROM cell") == ["\"failed\"|\"No tokens.\""])
        #expect(try await !fixture.store.isUnfinished())
        try await fixture.checkInvariants()
    }

    @Test("a worker alone tries a failed cell three times, last in its shard; a retry forgives all of them")
    func failsAlone() async throws {
        let fixture = try await StoreFixture(try Fixtures.plan(prompts: ["one"]))
        let keys = try await fixture.claim(1).cells.map(\.key)
        #expect(try await fixture.fail(keys[0], under: 1).parked == nil)
        _ = try await fixture.end(1, .released)
        for lease in 2...3 {
            #expect(try await fixture.claim(lease).cells.map(\.key) == [keys[1], keys[2], keys[0]])
            #expect(try await fixture.fail(keys[0], under: lease).parked == (lease == 3 ? 0 : nil))
            _ = try await fixture.end(lease, .released)
        }
        #expect(try await fixture.store.retryFailed() == 1)
        #expect(try await fixture.claim(4).cells.map(\.key) == keys)
        #expect(try await fixture.fail(keys[0], under: 4).parked == nil)
    }

    @Test("a sick worker in company is not granted again what it failed, and parks nothing")
    func sickWorker() async throws {
        let fixture = try await StoreFixture()
        for lease in 1...2 {
            let grant = try await fixture.store.claim(
                lease: Fixtures.lease(lease), identity: Fixtures.ada, hasCompany: true)
            for cell in try #require(grant).cells {
                #expect(try await fixture.fail(cell.key, under: lease).parked == nil)
            }
        }
        #expect(
            try await fixture.store.claim(lease: Fixtures.lease(3), identity: Fixtures.ada, hasCompany: true) == nil)
        #expect(try await fixture.store.isUnfinished())
        for lease in 4...5 {
            let grant = try await fixture.store.claim(
                lease: Fixtures.lease(lease), identity: Fixtures.emmy, hasCompany: true)
            for cell in try #require(grant).cells {
                _ = try await fixture.commit(cell.key, under: lease, by: Fixtures.emmy)
            }
        }
        #expect(try await fixture.query("SELECT DISTINCT state FROM cell") == ["\"done\""])
        #expect(try await fixture.query("SELECT * FROM failure") == [])
        try await fixture.checkInvariants()
    }

    @Test("what a worker failed is left to others for ten minutes, as they may be unable to deliver it")
    func othersTurn() async throws {
        let fixture = try await StoreFixture(try Fixtures.plan(prompts: ["one"], guidances: 1))
        let key = try await fixture.claim(1).cells[0].key
        _ = try await fixture.fail(key, under: 1)
        let claim = { (lease: Int, identity: String) in
            try await fixture.store.claim(lease: Fixtures.lease(lease), identity: identity, hasCompany: true)
        }
        fixture.advance(by: 599)
        #expect(try await claim(2, Fixtures.ada) == nil)
        #expect(try await claim(3, Fixtures.emmy) != nil)
        _ = try await fixture.end(3, .released)
        fixture.advance(by: 2)
        #expect(try await claim(4, Fixtures.ada)?.cells.map(\.key) == [key])
        try await fixture.checkInvariants()
    }

    @Test("a cell that three workers crashed in alone is parked; the cells beside it go back clean")
    func poison() async throws {
        let fixture = try await StoreFixture(try Fixtures.plan(prompts: ["one"]))
        let poison = try await fixture.claim(1).cells[1].key
        #expect(try await fixture.end(1, .expired, blaming: poison) == nil)
        let second = try await fixture.claim(2)
        #expect(second.cells.count == 2 && !second.cells.map(\.key).contains(poison))
        for cell in second.cells { _ = try await fixture.commit(cell.key, under: 2) }
        for attempt in 3...5 {
            let alone = try await fixture.claim(attempt)
            #expect(alone.cells.map(\.key) == [poison])
            #expect(try await fixture.end(attempt, .expired, blaming: poison) == (attempt == 5 ? poison : nil))
        }
        #expect(try await !fixture.store.isUnfinished())
        #expect(try await fixture.query("SELECT attempts, crashes FROM cell ORDER BY rank") == ["1|0", "4|4", "1|0"])
        try await fixture.checkInvariants()

        #expect(try await fixture.store.retryFailed() == 1)
        #expect(try await fixture.claim(6).cells.map(\.key) == [poison])
        #expect(try await fixture.end(6, .expired, blaming: poison) == nil)
        try await fixture.checkInvariants()
    }

    @Test("a worker that has a suspected cell has nothing else, and whoever has something gets no suspected cell")
    func seclusion() async throws {
        let fixture = try await StoreFixture(try Fixtures.plan(prompts: ["one"]))
        func claim(_ lease: Int, by identity: String) async throws -> Grant? {
            try await fixture.store.claim(lease: Fixtures.lease(lease), identity: identity)
        }
        for lease in 1...2 {
            _ = try await fixture.claim(lease)
            #expect(try await fixture.end(lease, .expired) == nil)
        }
        // Two deaths that nobody explains: from now on alone.
        let first = try #require(try await claim(3, by: Fixtures.ada)).cells
        #expect(first.count == 1)
        #expect(try await claim(4, by: Fixtures.ada) == nil)
        let second = try #require(try await claim(5, by: Fixtures.emmy)).cells
        #expect(second.count == 1 && second != first)
        _ = try await fixture.commit(first[0].key, under: 3)
        #expect(try await claim(6, by: Fixtures.ada)?.cells.count == 1)
        try await fixture.checkInvariants()
    }

    @Test("a cell beside others of its worker is suspected when the worker dies, never found guilty")
    func innocence() async throws {
        let fixture = try await StoreFixture(try Fixtures.plan(prompts: ["one", "two"]))
        // Two leases: what the last beat named may be finished and in the spool, and the worker at work on the other.
        let first = try await fixture.claim(1).cells.map(\.key)
        _ = try await fixture.claim(2)
        for cell in first.dropFirst() { _ = try await fixture.commit(cell, under: 1) }
        #expect(try await fixture.end(1, .expired, blaming: first[0]) == nil)
        #expect(try await fixture.end(2, .expired) == nil)
        #expect(try await fixture.query("SELECT crashes FROM cell WHERE crashes > 0") == ["1"])
        // The same again and again, were it not granted alone: the other shard's cells come before it.
        #expect(try await fixture.claim(3).cells.allSatisfy { $0.key != first[0] })
        #expect(try await fixture.store.claim(lease: Fixtures.lease(4), identity: Fixtures.ada) == nil)
        #expect(try await fixture.claim(5, by: Fixtures.emmy).cells.map(\.key) == [first[0]])
        try await fixture.checkInvariants()
    }

    @Test("releases blame nobody, and an ended lease can't be ended again")
    func releases() async throws {
        let fixture = try await StoreFixture()
        for lease in 1...5 {
            _ = try await fixture.claim(lease)
            #expect(try await fixture.end(lease, .released) == nil)
        }
        let grant = try await fixture.claim(6)
        #expect(try await fixture.end(1, .expired, blaming: grant.cells[0].key) == nil)
        #expect(try await fixture.query("SELECT count(*) FROM cell WHERE state = 'leased'") == ["3"])
        #expect(try await fixture.query("SELECT sum(crashes) FROM cell") == ["0"])
        try await fixture.checkInvariants()
    }

    @Test("after a restart the leases are still there")
    func recover() async throws {
        let fixture = try await StoreFixture()
        _ = try await fixture.claim(1)
        _ = try await fixture.claim(2, by: Fixtures.emmy)
        _ = try await fixture.end(2, .released)
        await fixture.store.close()
        let reopened = try SweepStore(path: fixture.temporary.directory.database.path)
        #expect(
            try await reopened.recover() == [
                LiveAttempt(
                    lease: try Fixtures.lease(1), identity: Fixtures.ada, suspect: try Fixtures.plan().cells[0].key)
            ])
        await reopened.close()
    }

    @Test("a cell that kills the coordinator too is parked after three deaths in a row without an image")
    func deaths() async throws {
        let fixture = try await StoreFixture(try Fixtures.plan(prompts: ["one"]))
        let poison = try await fixture.claim(1).cells[0].key
        for lease in 1...5 {
            fixture.advance(by: 10)
            let live = try await fixture.store.recover()
            #expect(live.map(\.suspect) == [poison])
            fixture.advance(by: 10)
            let parked = try await fixture.end(lease, .expired, blaming: live[0].suspect)
            #expect(parked == (lease == 4 ? poison : nil), "death \(lease)")
            if parked != nil { break }
            if lease == 1 {
                let rest = try await fixture.claim(100)
                for cell in rest.cells { _ = try await fixture.commit(cell.key, under: 100) }
            }
            #expect(try await fixture.claim(lease + 1).cells.map(\.key) == [poison])
        }
        try await fixture.checkInvariants()
    }

    @Test("who comes back with a lease that expired was not dead: what its cell was blamed for is taken back, once")
    func absolution() async throws {
        let fixture = try await StoreFixture(try Fixtures.plan(prompts: ["one"], guidances: 1))
        let cell = try await fixture.claim(1).cells[0].key
        let counts = "SELECT state, crashes, deaths FROM cell"
        #expect(try await fixture.end(1, .expired, blaming: cell) == nil)
        for lease in 2...3 {
            _ = try await fixture.claim(lease, by: Fixtures.emmy)
            #expect(try await fixture.end(lease, .expired, blaming: cell) == (lease == 3 ? cell : nil))
        }
        #expect(try await fixture.query(counts) == [#""failed"|4|3"#])

        // Of another worker's lease nobody can tell, nor of one that was revoked.
        try await fixture.store.absolve([Fixtures.lease(1), Fixtures.lease(9)], of: Fixtures.emmy)
        #expect(try await fixture.query(counts) == [#""failed"|4|3"#])
        for _ in 1...2 {
            try await fixture.store.absolve([Fixtures.lease(1)], of: Fixtures.ada)
            #expect(try await fixture.query(counts) == [#""pending"|3|2"#])
        }
        try await fixture.checkInvariants()
        _ = try await fixture.claim(4)
        #expect(try await fixture.end(4, .revoked, blaming: cell) == cell)
        try await fixture.store.absolve([Fixtures.lease(4)], of: Fixtures.ada)
        #expect(try await fixture.query(counts) == [#""failed"|4|3"#])
        // Two deaths of another worker are not forgiven with one's own; a late image settles it all.
        _ = try await fixture.commit(cell, under: 1)
        try await fixture.store.absolve([Fixtures.lease(2)], of: Fixtures.emmy)
        #expect(try await fixture.query(counts) == [#""done"|4|3"#])
        try await fixture.checkInvariants()
    }
}
