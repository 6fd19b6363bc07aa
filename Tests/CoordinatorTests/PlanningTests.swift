import Foundation
import GRDB
import SharedModel
import Testing

@testable import Coordinator

@Suite("A plan in the store")
struct PlanningTests {
    @Test("positions that show the same cell share it")
    func duplicates() async throws {
        let fixture = try await StoreFixture(try Fixtures.plan(prompts: ["one", "one"]))
        #expect(try await fixture.query("SELECT positions, cells FROM sweep") == ["6|3"])
        #expect(try await fixture.query("SELECT count(DISTINCT cell) FROM position") == ["3"])
        try await fixture.checkInvariants()
    }

    @Test("texts that look alike but differ in their bytes stay apart")
    func normalization() async throws {
        let fixture = try await StoreFixture(try Fixtures.plan(prompts: ["caf\u{E9}", "cafe\u{301}"], guidances: 1))
        let prompts = [try await fixture.claim(1), try await fixture.claim(2)].map {
            Array($0.cells[0].cell.prompt.utf8)
        }
        #expect(prompts[0] != prompts[1])
        #expect(prompts.map(\.count) == [5, 6])
    }

    @Test("a grid whose rows are known beforehand is written as one that is listed cell by cell")
    func rows() async throws {
        let sweep = Sweep(
            name: "sweep", models: ["m"], sizes: [try ImageSize("64x64"), try ImageSize("128x64")], seeds: [1, 2],
            prompts: ["one", "two", "one"], guidance: [1, 2, 3, 2])
        let plan = try sweep.plan { _ in Fixtures.fingerprint }
        let listed = SweepPlan(
            name: plan.name, source: plan.source, positions: Array(plan.positions), cells: Array(plan.cells),
            shards: Array(plan.shards))
        #expect(plan.cells.runLength == 3)
        #expect(plan.positions.runLength == 4)
        #expect(PlanDigest.digest(of: plan) == PlanDigest.digest(of: listed))
        let fixtures = [try await StoreFixture(plan), try await StoreFixture(listed)]
        for table in ["grid", "cell", "shard", "requirement"] {
            let rows = try await fixtures[0].query("SELECT * FROM \(table)")
            #expect(!rows.isEmpty)
            #expect(try await fixtures[1].query("SELECT * FROM \(table)") == rows)
        }
    }

    @Test("after a plan was written, first or edited, every commit is as durable and as checked as ever")
    func settings() async throws {
        let fixture = try await StoreFixture()
        func settings() async throws -> [String] {
            var values: [String] = []
            for name in ["journal_mode", "synchronous", "foreign_keys", "ignore_check_constraints", "cache_size"] {
                values += try await fixture.query("PRAGMA \(name)")
            }
            return values + (try await fixture.query("SELECT name FROM sqlite_master WHERE name = 'cell_pending'"))
        }
        let expected = ["\"wal\"", "2", "1", "0", "-49152", "\"cell_pending\""]
        #expect(try await settings() == expected)
        #expect(try await fixture.store.adopt(Fixtures.plan(prompts: ["new"]), directory: "DIR") == .edited(kept: 0))
        #expect(try await settings() == expected)
        await #expect(throws: (any Error).self) {
            try await fixture.query("UPDATE cell SET attempts = -1")
        }
    }

    @Test("the same plan again is a resume that touches nothing")
    func resumed() async throws {
        let fixture = try await StoreFixture()
        _ = try await fixture.claim(1)
        #expect(try await fixture.store.adopt(Fixtures.plan(), directory: "DIR") == .resumed)
        #expect(try await fixture.query("SELECT count(*) FROM cell WHERE state = 'leased'") == ["3"])
    }

    @Test("what shows images before they are finished is remembered, found by its content, and may change")
    func preview() async throws {
        var plan = try Fixtures.plan()
        let plain = PlanDigest.digest(of: plan)
        plan.preview = PreviewFile(name: "taesd", fingerprint: String(repeating: "d", count: 64))
        #expect(PlanDigest.digest(of: plan) != plain)
        let fixture = try await StoreFixture(plan)
        #expect(try await fixture.store.adopt(plan, directory: "DIR") == .resumed)
        #expect(try await fixture.store.adopted()?.preview == plan.preview)
        #expect(try await fixture.store.modelName(of: String(repeating: "d", count: 64)) == "taesd")
        #expect(try await fixture.query("SELECT preview FROM sweep") == ["\"taesd\""])
        let first = try await fixture.claim(1)
        for cell in first.cells { _ = try await fixture.commit(cell.key, under: 1) }
        plan.preview?.fingerprint = String(repeating: "e", count: 64)
        #expect(try await fixture.store.adopt(plan, directory: "DIR") == .edited(kept: 3))
        #expect(try await fixture.store.modelName(of: String(repeating: "d", count: 64)) == nil)
        #expect(try await fixture.store.adopt(Fixtures.plan(), directory: "DIR") == .edited(kept: 3))
        #expect(try await fixture.store.adopted()?.preview == nil)
        try await fixture.checkInvariants()
    }

    @Test("a prompt inserted in front keeps what is done and renders what is new")
    func edited() async throws {
        let fixture = try await StoreFixture()
        let first = try await fixture.claim(1)
        for cell in first.cells { _ = try await fixture.commit(cell.key, under: 1) }
        let live = try await fixture.claim(2, by: Fixtures.emmy)

        let edited = try Fixtures.plan(prompts: ["zero", "one", "two"])
        #expect(try await fixture.store.adopt(edited, directory: "DIR") == .edited(kept: 3))
        try await fixture.checkInvariants()
        #expect(try await fixture.query("SELECT positions, cells FROM sweep") == ["9|9"])
        #expect(
            try await fixture.query("SELECT count(*) FROM grid WHERE state = 'done' AND position BETWEEN 3 AND 5") == [
                "3"
            ])
        #expect(
            try await fixture.commit(live.cells[0].key, under: 2, by: Fixtures.emmy) == .stored(position: 6, ended: []))
        let new = try await fixture.claim(3)
        #expect(new.cells.map(\.rawPrompt) == ["raw zero", "raw zero", "raw zero"])
        #expect(try await fixture.store.claim(lease: Fixtures.lease(4), identity: Fixtures.ada) == nil)
        try await fixture.checkInvariants()
    }

    @Test("what an edit dropped keeps its image and is there again when the edit is undone")
    func undone() async throws {
        let fixture = try await StoreFixture()
        let first = try await fixture.claim(1)
        for cell in first.cells { _ = try await fixture.commit(cell.key, under: 1) }
        #expect(try await fixture.store.adopt(Fixtures.plan(prompts: ["two"]), directory: "DIR") == .edited(kept: 0))
        #expect(try await fixture.query("SELECT count(*) FROM image") == ["3"])
        #expect(try await fixture.store.status().done == 0)
        #expect(try await fixture.store.adopt(Fixtures.plan(), directory: "DIR") == .edited(kept: 3))
        #expect(try await fixture.store.status().done == 3)
        try await fixture.checkInvariants()
    }

    @Test("a dropped cell that is still being rendered is stored but not waited for")
    func droppedInFlight() async throws {
        let fixture = try await StoreFixture()
        let key = try await fixture.claim(1).cells[0].key
        _ = try await fixture.store.adopt(Fixtures.plan(prompts: ["two"]), directory: "DIR")
        let two = try await fixture.claim(2)
        for cell in two.cells { _ = try await fixture.commit(cell.key, under: 2) }
        #expect(try await !fixture.store.isUnfinished())
        #expect(try await fixture.commit(key, under: 1) == .stored(position: 0, ended: []))
        _ = try await fixture.end(1, .expired)
        #expect(try await fixture.store.claim(lease: Fixtures.lease(3), identity: Fixtures.ada) == nil)
        try await fixture.checkInvariants()
    }

    @Test("another sweep's directory is refused and left as it is")
    func otherSweep() async throws {
        let fixture = try await StoreFixture()
        await #expect(throws: CoordinatorError.otherSweep(directory: "DIR", found: "sweep", wanted: "other")) {
            try await fixture.store.adopt(Fixtures.plan(name: "other"), directory: "DIR")
        }
        #expect(try await fixture.query("SELECT name FROM sweep") == ["\"sweep\""])
    }

    @Test("a plan that contradicts itself is refused whole", arguments: BadPlan.allCases)
    func badPlans(bad: BadPlan) async throws {
        let fixture = try await StoreFixture()
        let plan = try bad.apply(to: Fixtures.plan(source: "edited"))
        await #expect {
            try await fixture.store.adopt(plan, directory: "DIR")
        } throws: { error in
            if case .badPlan? = error as? CoordinatorError { true } else { false }
        }
        #expect(try await fixture.query("SELECT source FROM sweep") == ["\"name: sweep\""])
    }

    @Test("a shard too long for one frame is granted in parts")
    func longShard() async throws {
        let prompt = String(repeating: "\u{1}", count: 5000)
        let fixture = try await StoreFixture(try Fixtures.plan(prompts: [prompt], guidances: 20))
        var granted = 0
        for lease in 1...20 {
            guard let grant = try await fixture.store.claim(lease: Fixtures.lease(lease), identity: Fixtures.ada) else {
                break
            }
            granted += grant.cells.count
            #expect(grant.cells.reduce(0) { $0 + $1.wireBytes } <= GrantSize.limit)
        }
        #expect(granted == 20)
        try await fixture.checkInvariants()
    }

    enum BadPlan: CaseIterable {
        case doubledCell, missingCell, emptyShard, sharedCell, unknownCell, outOfOrder, noPosition, longPrompt

        func apply(to plan: SweepPlan) throws -> SweepPlan {
            var plan = plan
            switch self {
            case .doubledCell: plan.cells.append(plan.cells[0])
            case .missingCell: plan.shards[0].cells.removeLast()
            case .emptyShard: plan.shards.append(Shard(cells: []))
            case .sharedCell: plan.shards[1].cells.append(plan.shards[0].cells[0])
            case .unknownCell: plan.cells.removeLast()
            case .outOfOrder: plan.positions.swapAt(0, 1)
            case .noPosition: plan.cells[0].firstPosition = 99
            case .longPrompt: plan.positions[0].prompt = String(repeating: "\u{1}", count: 50_000)
            }
            return plan
        }
    }
}
