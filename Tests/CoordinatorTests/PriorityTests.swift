import Foundation
import GRDB
import SharedModel
import Testing

@testable import Coordinator

@Suite("What comes first")
struct PriorityTests {
    private static func prompt(_ words: String..., to priority: Int = 1) -> PriorityRequest {
        PriorityRequest(GridSelection(words.map { .init(.prompt, "raw \($0)") }), priority: priority)
    }

    /// Prompts of the next grants to one worker, in their order.
    private func order(_ fixture: StoreFixture, from first: Int = 100) async throws -> [String] {
        var prompts: [String] = []
        for lease in first... {
            let grant = try await fixture.store.claim(lease: Fixtures.lease(lease), identity: Fixtures.ada)
            guard let cell = grant?.cells.first?.cell else { break }
            prompts.append(cell.prompt)
        }
        return prompts
    }

    @Test("higher comes before lower, equals in their usual order, and the rest after them")
    func order() async throws {
        let fixture = try await StoreFixture(try Fixtures.plan(prompts: ["a", "b", "c", "d", "e"], guidances: 2))
        #expect(
            try await fixture.store.prioritise(Self.prompt("d", "b")) == PriorityAnswer(matching: 4, images: 4))
        #expect(
            try await fixture.store.prioritise(Self.prompt("e", to: 9)) == PriorityAnswer(matching: 2, images: 2))
        #expect(try await fixture.store.status().prioritised == 6)
        #expect(try await order(fixture) == ["e", "b", "d", "a", "c"])
        // What is being rendered still comes first, should its worker be lost.
        #expect(try await fixture.store.status().prioritised == 6)
        try await fixture.checkInvariants()
    }

    @Test("what was said last counts; a reset of some or of all gives them their usual place")
    func changed() async throws {
        let fixture = try await StoreFixture(try Fixtures.plan(prompts: ["a", "b", "c", "d"], guidances: 1))
        _ = try await fixture.store.prioritise(Self.prompt("b", "c", "d", to: 2))
        _ = try await fixture.store.prioritise(Self.prompt("b", to: 1))
        #expect(
            try await fixture.store.prioritise(Self.prompt("d", to: 0)) == PriorityAnswer(matching: 1, images: 1))
        #expect(try await order(fixture) == ["c", "b", "a", "d"])
        for lease in 100...103 { _ = try await fixture.end(lease, .released) }
        let all = PriorityRequest(GridSelection(), priority: PriorityRequest.normal)
        #expect(try await fixture.store.prioritise(all) == PriorityAnswer(matching: 2, images: 2))
        #expect(try await fixture.store.prioritise(all) == PriorityAnswer(matching: 0, images: 0))
        #expect(try await order(fixture, from: 200) == ["a", "b", "c", "d"])
    }

    @Test("cells that are granted together come together, and a position that is shown twice means one cell")
    func shards() async throws {
        let fixture = try await StoreFixture(try Fixtures.plan(prompts: ["a", "b", "a"], guidances: 3))
        let fourth = PriorityRequest(GridSelection(positions: [4]), priority: 1)
        #expect(try await fixture.store.prioritise(fourth) == PriorityAnswer(matching: 1, images: 3))
        let twice = PriorityRequest(GridSelection([.init(.guidance, "3")], positions: [2, 8]), priority: 2)
        #expect(try await fixture.store.prioritise(twice) == PriorityAnswer(matching: 1, images: 3))
        #expect(try await order(fixture) == ["a", "b"])
    }

    @Test("every axis chooses, values of one widen the choice, and axes narrow it")
    func axes() async throws {
        let sweep = Sweep(
            name: "sweep", models: ["m"], sizes: [try ImageSize("64x64"), try ImageSize("128x64")],
            samplers: [.euler, .ddim], steps: [3, 4], seeds: [1, .max], negativePrompts: ["bad", "worse"],
            prompts: ["an old man", "an old woman"], guidance: [1, Decimal(string: "2.5") ?? 0], shardSize: 1)
        let fixture = try await StoreFixture(try sweep.plan { _ in Fixtures.fingerprint })
        func images(_ conditions: GridSelection.Condition...) async throws -> Int {
            try await fixture.store.prioritise(PriorityRequest(GridSelection(conditions), priority: 1)).images
        }
        #expect(try await images(.init(.model, "m")) == 128)
        for condition: GridSelection.Condition in [
            .init(.size, "128x64"), .init(.sampler, "ddim"), .init(.steps, "4"), .init(.seed, "\(UInt64.max)"),
            .init(.negativePrompt, "worse"), .init(.prompt, "woman"), .init(.guidance, "2.5"),
        ] {
            #expect(try await images(condition) == 64, "\(condition)")
        }
        #expect(try await images(.init(.prompt, "old")) == 128)
        #expect(try await images(.init(.steps, "3"), .init(.steps, "4"), .init(.seed, "1")) == 64)
        #expect(try await images(.init(.prompt, "woman"), .init(.size, "64x64"), .init(.seed, "1")) == 16)
    }

    @Test("of prompts the whole is looked for before a part")
    func wholePrompt() async throws {
        let fixture = try await StoreFixture(try Fixtures.plan(prompts: ["man with a hat", "man"], guidances: 1))
        #expect(try await fixture.store.prioritise(Self.prompt("man")).images == 1)
        #expect(try await order(fixture) == ["man", "man with a hat"])
    }

    private static let refusals: [(GridSelection, CoordinatorError)] = [
        (
            GridSelection([.init(.style, "ink")]),
            .noSuchValue(axis: "style", value: "ink", known: ["none"])
        ),
        (
            GridSelection([.init(.prompt, "raw one"), .init(.prompt, "dog")]),
            .noSuchValue(axis: "prompt", value: "dog", known: ["raw one", "raw two"])
        ),
        (
            GridSelection([.init(.guidance, "2.5")]),
            .noSuchValue(axis: "guidance", value: "2.5", known: ["1", "2", "3"])
        ),
        (
            GridSelection([.init(.negativePrompt, "")]),
            .noSuchValue(axis: "negative-prompt", value: "", known: ["raw bangs"])
        ),
        (
            GridSelection([.init(.options, "lora")]),
            .noSuchValue(axis: "options", value: "lora", known: [])
        ),
        (GridSelection(positions: [0, 6]), .noSuchSubject("6")),
        (GridSelection([.init(.guidance, "2")], positions: [0]), .noMatch),
    ]

    @Test(
        "what the sweep does not have is refused with what it has, and nothing is changed",
        arguments: refusals)
    func unknown(selection: GridSelection, refusal: CoordinatorError) async throws {
        let fixture = try await StoreFixture()
        #expect(refusal.isRefusal)
        await #expect(throws: refusal) {
            try await fixture.store.prioritise(PriorityRequest(selection, priority: 1))
        }
        #expect(try await fixture.query("SELECT count(*) FROM shard WHERE priority > 0") == ["0"])
    }

    // MARK: - What protects the sweep

    @Test("a shard that killed workers comes after all others for all its priority, and before those without one")
    func dangerous() async throws {
        let fixture = try await StoreFixture(try Fixtures.plan(prompts: ["a", "b", "c"], guidances: 2))
        for lease in 1...2 {
            // Both shards, so that nobody can tell which cell it was.
            let grants = [try await fixture.claim(lease), try await fixture.claim(lease + 10)]
            #expect(grants.map { $0.cells[0].cell.prompt } == ["a", "b"])
            for number in [lease, lease + 10] { _ = try await fixture.end(number, .expired) }
        }
        _ = try await fixture.store.prioritise(Self.prompt("b"))
        let harmless = try await fixture.claim(20)
        #expect(harmless.cells.map(\.cell.prompt) == ["c", "c"])
        for cell in harmless.cells { _ = try await fixture.commit(cell.key, under: 20) }
        // Split as ever: a half of the two.
        #expect(try await fixture.claim(21).cells.map(\.cell.prompt) == ["b"])
        #expect(try await fixture.claim(22, by: Fixtures.emmy).cells.map(\.cell.prompt) == ["b"])
        try await fixture.checkInvariants()
    }

    @Test("what failed comes last in its shard, and is left to another worker, for all its priority")
    func failed() async throws {
        let fixture = try await StoreFixture(try Fixtures.plan(prompts: ["a", "b"], guidances: 2))
        _ = try await fixture.store.prioritise(Self.prompt("b"))
        let keys = try await fixture.claim(1).cells.map(\.key)
        _ = try await fixture.fail(keys[0], under: 1)
        _ = try await fixture.end(1, .released)
        func claim(_ lease: Int, by identity: String, hasCompany: Bool) async throws -> Grant? {
            try await fixture.store.claim(lease: Fixtures.lease(lease), identity: identity, hasCompany: hasCompany)
        }
        #expect(try await claim(2, by: Fixtures.ada, hasCompany: true)?.cells.map(\.key) == [keys[1]])
        #expect(try await claim(3, by: Fixtures.ada, hasCompany: true)?.cells.map(\.cell.prompt) == ["a", "a"])
        _ = try await fixture.end(2, .released)
        #expect(try await claim(4, by: Fixtures.emmy, hasCompany: true)?.cells.map(\.key) == [keys[1], keys[0]])
    }

    @Test("a worker that can't render what comes first goes on with the rest")
    func unfit() async throws {
        let sweep = Sweep(
            name: "sweep", models: ["m"], sizes: [try ImageSize("64x64"), try ImageSize("128x64")], seeds: [1],
            prompts: ["one", "two"], guidance: [1])
        let fixture = try await StoreFixture(try sweep.plan { _ in Fixtures.fingerprint })
        let wide = try #require(try await fixture.store.requirements().first { $0.use.width == 128 })
        let misfit = Misfit(requirement: wide.id, reason: "It is too wide.", shortage: 1)
        try await fixture.store.setMisfits([misfit], of: Fixtures.ada)
        let selection = GridSelection([.init(.size, "128x64")])
        _ = try await fixture.store.prioritise(PriorityRequest(selection, priority: 1))
        #expect(try await fixture.claim(1).cells[0].cell.width == 64)
        for lease in 2...3 { #expect(try await fixture.claim(lease, by: Fixtures.emmy).cells[0].cell.width == 128) }
        #expect(try await fixture.claim(4).cells[0].cell.width == 64)
        // Among what it can render, it has what comes first.
        _ = try await fixture.end(1, .released)
        _ = try await fixture.end(4, .released)
        _ = try await fixture.store.prioritise(
            PriorityRequest(GridSelection([.init(.prompt, "two"), .init(.size, "64x64")]), priority: 1))
        #expect(try await fixture.claim(5).cells[0].cell.prompt == "two")
    }

    // MARK: - How long it lasts

    @Test("a priority lasts while anything of the shard is undone and no longer: a claim looks at nothing that is over")
    func lasting() async throws {
        let fixture = try await StoreFixture(try Fixtures.plan(prompts: ["a", "b", "c"], guidances: 2))
        let prioritised = "SELECT id FROM shard WHERE priority > 0"
        _ = try await fixture.store.prioritise(Self.prompt("b", "c"))
        let keys = try await fixture.claim(1).cells.map(\.key)
        _ = try await fixture.commit(keys[0], under: 1)
        #expect(try await fixture.query(prioritised) == ["1", "2"])
        _ = try await fixture.end(1, .expired)
        #expect(try await fixture.claim(2, by: Fixtures.emmy).cells.map(\.key) == [keys[1]])
        _ = try await fixture.commit(keys[1], under: 2, by: Fixtures.emmy)
        #expect(try await fixture.query(prioritised) == ["2"])
        // Done with one image and one failure.
        let last = try await fixture.claim(3).cells.map(\.key)
        _ = try await fixture.commit(last[0], under: 3)
        for lease in 3...5 {
            if lease > 3 { _ = try await fixture.claim(lease) }
            _ = try await fixture.fail(last[1], under: lease)
        }
        #expect(try await fixture.query(prioritised) == [])
        #expect(try await fixture.store.status().prioritised == 0)
        try await fixture.checkInvariants()
    }

    @Test("what is done or failed can't come first any more")
    func nothingLeft() async throws {
        let fixture = try await StoreFixture(try Fixtures.plan(prompts: ["a", "b"], guidances: 1))
        let key = try await fixture.claim(1).cells[0].key
        _ = try await fixture.commit(key, under: 1)
        #expect(try await fixture.store.prioritise(Self.prompt("a")) == PriorityAnswer(matching: 0, images: 0))
        #expect(try await fixture.query("SELECT count(*) FROM shard WHERE priority > 0") == ["0"])
    }

    @Test("the same plan again keeps priorities, an edited one begins without")
    func plans() async throws {
        let fixture = try await StoreFixture(try Fixtures.plan(prompts: ["a", "b"], guidances: 1))
        _ = try await fixture.store.prioritise(Self.prompt("b"))
        #expect(
            try await fixture.store.adopt(Fixtures.plan(prompts: ["a", "b"], guidances: 1), directory: "DIR")
                == .resumed)
        #expect(try await fixture.store.status().prioritised == 1)
        _ = try await fixture.store.adopt(Fixtures.plan(prompts: ["a", "b", "c"], guidances: 1), directory: "DIR")
        #expect(try await fixture.query("SELECT count(*) FROM shard WHERE priority > 0") == ["0"])
        #expect(try await order(fixture) == ["a", "b", "c"])
    }

    @Test("a priority beyond its bounds is refused by the database itself")
    func bounds() async throws {
        let fixture = try await StoreFixture()
        for priority in [-1, 10] {
            await #expect(throws: CoordinatorError.self) {
                try await fixture.query("UPDATE shard SET priority = \(priority)")
            }
        }
    }

    @Test("an explanation says that a cell is prioritised, and counts what comes before it by that")
    func explanation() async throws {
        let fixture = try await StoreFixture(try Fixtures.plan(prompts: ["a", "b", "c", "d"], guidances: 2))
        _ = try await fixture.store.prioritise(Self.prompt("b"))
        _ = try await fixture.store.prioritise(Self.prompt("d", to: 3))
        let lock = try DirectoryLock(fixture.temporary.directory)
        defer { withExtendedLifetime(lock) {} }
        func explain(_ position: Int) throws -> String {
            try SweepReader(fixture.temporary.directory).explain("\(position)").joined(separator: "\n")
        }
        #expect(try explain(6).contains("the first in line"))
        #expect(try explain(6).contains("It is prioritised: its priority is 3, and 0 is the usual one."))
        for (position, before) in [(7, 1), (2, 2), (3, 3), (0, 4), (1, 5), (4, 6), (5, 7)] {
            #expect(try explain(position).contains("It is pending; \(before) cells come before it."), "\(position)")
        }
        #expect(try !explain(0).contains("prioritised"))
        let granted = try await fixture.claim(1).cells
        #expect(try explain(granted[0].position).contains("its priority is 3"))
    }
}
