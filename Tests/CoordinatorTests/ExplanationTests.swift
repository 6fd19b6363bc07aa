import SharedModel
import Testing

@testable import Coordinator

@Suite("Explanations")
struct ExplanationTests {
    private func explain(
        _ subject: String, in fixture: StoreFixture, isServed: Bool = true
    ) throws -> String {
        let lock = isServed ? try DirectoryLock(fixture.temporary.directory) : nil
        defer { withExtendedLifetime(lock) {} }
        return try SweepReader(fixture.temporary.directory).explain(subject).joined(separator: "\n")
    }

    @Test("a pending cell is told by position and by key, with what comes before it and what keeps it waiting")
    func pending() async throws {
        let fixture = try await StoreFixture()
        let key = try Fixtures.plan().cells[4].key.hex
        let byPosition = try explain("4", in: fixture)
        #expect(byPosition.hasPrefix("Cell \(key), first at position 4, in shard 1."))
        #expect(byPosition.contains("It is pending; 4 cells come before it."))
        #expect(try explain(String(key.prefix(8)), in: fixture) == byPosition)
        #expect(try explain("0", in: fixture).contains("the first in line"))
        #expect(try explain("0", in: fixture, isServed: false).contains("No coordinator serves the sweep"))
        try await fixture.store.publish(.paused, message: nil)
        #expect(try explain("0", in: fixture).contains("the sweep is paused."))
        try await fixture.store.publish(.running, message: nil)
        for identity in [Fixtures.ada, Fixtures.emmy] {
            try await fixture.store.disconnected(identity: identity, why: "test")
        }
        #expect(try explain("0", in: fixture).contains("No worker is connected."))
    }

    @Test("a leased cell names its holder and who renders a copy; a done one who delivered it; a failed one why")
    func others() async throws {
        let fixture = try await StoreFixture(try Fixtures.plan(prompts: ["one"], guidances: 2))
        let keys = try await fixture.claim(1).cells.map(\.key)
        _ = try await fixture.store.copy(Fixtures.lease(1), as: Fixtures.lease(2), for: Fixtures.emmy)
        let leased = try explain("0", in: fixture)
        #expect(leased.contains("worker-1 has it since"))
        #expect(leased.contains("worker-2 renders a copy"))
        #expect(leased.contains("Copied to worker-2"))
        _ = try await fixture.commit(keys[0], under: 2, by: Fixtures.emmy)
        #expect(try explain("0", in: fixture).contains("It is done: worker-2 delivered it"))
        _ = try await fixture.fail(keys[1], under: 1)
        #expect(try explain("1", in: fixture).contains("worker-1 failed it, times: 1."))
        _ = try await fixture.end(2, .released)
        _ = try await fixture.claim(3, by: Fixtures.emmy)
        _ = try await fixture.fail(keys[1], under: 3, by: Fixtures.emmy)
        #expect(try explain("1", in: fixture).contains("It failed: No tokens. `tmdne retry` tries it again."))
    }

    @Test("a worker is told with its leases, what it lacks and why it is granted nothing")
    func worker() async throws {
        let fixture = try await StoreFixture()
        #expect(try explain("worker-1", in: fixture).contains("has not asked for more"))
        _ = try await fixture.claim(1)
        #expect(try explain("worker-1", in: fixture).contains("It holds 3 undone cells of shard 0"))
        try await fixture.store.cannotRender(Fixtures.lease(1), identity: Fixtures.ada, reason: "It is not here.")
        try await fixture.store.remark("It fails.", on: Fixtures.ada)
        let text = try explain("worker-1", in: fixture)
        #expect(text.contains("It is granted nothing. It fails."))
        #expect(text.contains("It is not granted every cell: It is not here."))
        _ = try await fixture.end(1, .released)
        try await fixture.store.disconnected(identity: Fixtures.emmy, why: "test")
        #expect(try explain("3", in: fixture).contains("No connected worker can have it. worker-1: It is not here."))
        #expect(try await fixture.store.status().workers.first?.state == .quarantined)
    }

    @Test("what the sweep does not have is refused by name")
    func unknown() async throws {
        let fixture = try await StoreFixture()
        for subject in ["nobody", "99", "deadbeef", "", "-1", "9223372036854775808"] {
            #expect(throws: CoordinatorError.noSuchSubject(subject)) { try explain(subject, in: fixture) }
        }
    }
}
