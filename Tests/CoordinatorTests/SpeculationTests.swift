import Foundation
import SharedModel
import Testing

@testable import Coordinator

@Suite("Speculative copies and splitting")
struct SpeculationTests {
    private func fixture(cells: Int = 4) async throws -> StoreFixture {
        try await StoreFixture(try Fixtures.plan(prompts: ["one"], guidances: cells))
    }

    private func copy(_ fixture: StoreFixture, of original: Int, as lease: Int) async throws -> Grant? {
        try await fixture.store.copy(
            try Fixtures.lease(original), as: try Fixtures.lease(lease), for: Fixtures.emmy)
    }

    @Test("a copy holds what its original still owes, from the other end, and there is one copy at most")
    func order() async throws {
        let fixture = try await fixture()
        let grant = try await fixture.claim(1)
        _ = try await fixture.commit(grant.cells[0].key, under: 1)
        let tail = try await fixture.store.tail(for: Fixtures.emmy)
        #expect(tail.map(\.lease) == [try Fixtures.lease(1)])
        #expect(tail.map(\.undone) == [3])
        #expect(try await fixture.store.tail(for: Fixtures.ada) == [])
        let copied = try #require(try await copy(fixture, of: 1, as: 2))
        #expect(copied.cells == grant.cells.dropFirst().reversed())
        #expect(try await copy(fixture, of: 1, as: 3) == nil)
        #expect(try await fixture.store.tail(for: Fixtures.emmy) == [])
        try await fixture.checkInvariants()
    }

    @Test("the first result wins, whoever brings it, and both leases end with the last cell")
    func firstWins() async throws {
        let fixture = try await fixture(cells: 2)
        let keys = try await fixture.claim(1).cells.map(\.key)
        _ = try await copy(fixture, of: 1, as: 2)
        #expect(try await fixture.commit(keys[1], under: 2, by: Fixtures.emmy) == .stored(position: 1, ended: []))
        #expect(try await fixture.commit(keys[1], under: 1) == .duplicate)
        try await fixture.checkInvariants()
        let both = [try Fixtures.lease(1), try Fixtures.lease(2)]
        #expect(try await fixture.commit(keys[0], under: 1) == .stored(position: 0, ended: both))
        #expect(try await fixture.commit(keys[0], under: 2, by: Fixtures.emmy) == .duplicate)
        try await fixture.checkInvariants()
    }

    @Test("when the original ends, its cells become the copy's and nobody else's")
    func promotion() async throws {
        let fixture = try await fixture()
        let keys = try await fixture.claim(1).cells.map(\.key)
        _ = try await copy(fixture, of: 1, as: 2)
        _ = try await fixture.end(1, .expired)
        #expect(try await fixture.store.claim(lease: Fixtures.lease(3), identity: Fixtures.ada) == nil)
        try await fixture.checkInvariants()
        for key in keys.dropLast() { _ = try await fixture.commit(key, under: 2, by: Fixtures.emmy) }
        #expect(
            try await fixture.commit(keys[3], under: 2, by: Fixtures.emmy)
                == .stored(position: 3, ended: [try Fixtures.lease(2)]))
        try await fixture.checkInvariants()
    }

    @Test("what a copy's worker failed does not become its own when the original ends: it goes on without")
    func failedBeforePromotion() async throws {
        let fixture = try await fixture()
        let keys = try await fixture.claim(1).cells.map(\.key)
        _ = try await copy(fixture, of: 1, as: 2)
        #expect(try await fixture.fail(keys[2], under: 2, by: Fixtures.emmy).parked == nil)
        _ = try await fixture.end(1, .expired)
        #expect(try await fixture.query("SELECT key FROM cell WHERE state = 'pending'") == ["\"\(keys[2].hex)\""])
        try await fixture.checkInvariants()
    }

    @Test("a copy that ends takes nothing from its original")
    func copyEnds() async throws {
        let fixture = try await fixture()
        let keys = try await fixture.claim(1).cells.map(\.key)
        _ = try await copy(fixture, of: 1, as: 2)
        #expect(try await fixture.end(2, .expired, blaming: keys[3]) == nil)
        #expect(
            try await fixture.query("SELECT count(*), sum(crashes), sum(deaths) FROM cell WHERE state = 'leased'") == [
                "4|0|0"
            ])
        try await fixture.checkInvariants()
        #expect(try await copy(fixture, of: 1, as: 3) != nil)
    }

    @Test("a cell that the copy fails stays with the original until it counts as bad")
    func copyFails() async throws {
        let fixture = try await fixture(cells: 1)
        let key = try await fixture.claim(1).cells[0].key
        _ = try await copy(fixture, of: 1, as: 2)
        let failed = try await fixture.fail(key, under: 2, by: Fixtures.emmy)
        #expect(failed.parked == nil)
        #expect(failed.ended == [try Fixtures.lease(2)])
        #expect(try await fixture.query("SELECT state FROM cell") == ["\"leased\""])
        try await fixture.checkInvariants()
        #expect(try await fixture.fail(key, under: 1).parked == 0)
        try await fixture.checkInvariants()
    }

    @Test("two copies' worth of failures park the cell and end the original with it")
    func parkedUnderCopy() async throws {
        let fixture = try await StoreFixture(
            try Fixtures.plan(prompts: ["one"], guidances: 1),
            workers: [Fixtures.ada, Fixtures.emmy, String(repeating: "c", count: 32)])
        let key = try await fixture.claim(1).cells[0].key
        _ = try await fixture.end(1, .released)
        _ = try await fixture.claim(2)
        _ = try await fixture.fail(key, under: 2)
        let third = String(repeating: "c", count: 32)
        _ = try await fixture.claim(3, by: third)
        _ = try await copy(fixture, of: 3, as: 4)
        let failed = try await fixture.fail(key, under: 4, by: Fixtures.emmy)
        #expect(failed.parked == 0)
        #expect(failed.ended == [try Fixtures.lease(3), try Fixtures.lease(4)])
        try await fixture.checkInvariants()
        #expect(try await fixture.commit(key, under: 3, by: third) == .stored(position: 0, ended: []))
        try await fixture.checkInvariants()
    }

    @Test(
        "a shard that ends workers without a culprit is halved, then halved again, until the culprit is alone and parked"
    )
    func splitting() async throws {
        let fixture = try await fixture(cells: 8)
        var sizes: [Int] = []
        var parked: CellKey?
        for lease in 1...60 where parked == nil {
            guard let grant = try await fixture.store.claim(lease: Fixtures.lease(lease), identity: Fixtures.ada) else {
                break
            }
            sizes.append(grant.cells.count)
            // The last cell kills whoever is granted it, before any beat tells that it was begun.
            if grant.cells.contains(where: { $0.cell.guidance == 8 }) {
                parked = try await fixture.end(lease, .expired)
            } else {
                for cell in grant.cells { _ = try await fixture.commit(cell.key, under: lease) }
            }
            try await fixture.checkInvariants()
        }
        #expect(sizes.prefix(2) == [8, 8])
        #expect(sizes.dropFirst(2).first == 4)
        #expect(parked == (try Fixtures.key(of: Fixtures.cell(prompt: "one", guidance: 8))))
        #expect(try await fixture.query("SELECT count(*) FROM image") == ["7"])
        #expect(try await !fixture.store.isUnfinished())
    }

    @Test("a shard that ended two workers comes after all others")
    func poisonLast() async throws {
        let fixture = try await StoreFixture()
        for lease in 1...2 {
            _ = try await fixture.claim(lease)
            _ = try await fixture.end(lease, .expired)
        }
        #expect(try await fixture.claim(3).cells.allSatisfy { $0.cell.prompt == "two" })
        #expect(try await fixture.claim(4, by: Fixtures.emmy).cells.count == 1)
    }

    @Test("a grant holds no more cells than the worker may have; the rest waits for the next")
    func limit() async throws {
        let fixture = try await fixture()
        let first = try #require(
            try await fixture.store.claim(lease: Fixtures.lease(1), identity: Fixtures.ada, limit: 3))
        #expect(first.cells.count == 3)
        #expect(try await fixture.claim(2).cells.count == 1)
        #expect(try await fixture.store.pendingCount(upTo: 10) == 0)
    }

    @Test("who can't render a model is granted no more of it before its next hello, and people are told")
    func inability() async throws {
        let fixture = try await fixture()
        _ = try await fixture.claim(1)
        #expect(try await fixture.store.unrenderable() == nil)
        try await fixture.store.cannotRender(Fixtures.lease(1), identity: Fixtures.ada, reason: "It is not here.")
        _ = try await fixture.end(1, .released)
        #expect(try await fixture.store.claim(lease: Fixtures.lease(2), identity: Fixtures.ada) == nil)
        #expect(try await fixture.store.hopelessness(of: Fixtures.ada) != nil)
        #expect(try await fixture.store.hopelessness(of: Fixtures.emmy) == nil)
        #expect(try await fixture.store.unrenderable() == nil)

        try await fixture.store.disconnected(identity: Fixtures.emmy, why: "test")
        #expect(
            try await fixture.store.unrenderable()
                == "4 cells wait for a worker that can render them; worker-1 can't: It is not here.")
        _ = try await fixture.store.register(Fixtures.hello("ada", Fixtures.ada))
        #expect(try await fixture.store.unrenderable() == nil)
        #expect(try await fixture.claim(3).cells.count == 4)
    }
}
