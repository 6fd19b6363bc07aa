import Foundation
import GRDB
import SharedModel
import Testing

@testable import Coordinator

@Suite("What workers can render")
struct FitnessTests {
    private static let xl = "Stable Diffusion XL"
    private static let lora = String(repeating: "1", count: 64)

    private static func requirement(_ id: Int64 = 1, need: ModelNeed? = nil, loras: [String] = []) -> Requirement {
        var options = RenderOptions()
        options.loras = loras.map { RenderOptions.LoRA(file: $0, weight: 1) }
        let use = ModelUse(
            name: "big", fingerprint: Fixtures.fingerprint, options: options, files: [lora: "watercolor"], width: 1024,
            height: 768)
        return Requirement(id: id, use: use, need: need)
    }

    private static let need = ModelNeed(family: xl, memory: ["fp32": 13_850_000_000, "bf16": 8_000_000_000])

    @Test("what is not known on either side is held against nobody")
    func unknown() {
        let requirement = Self.requirement(need: Self.need)
        #expect(requirement.misfit(of: Ability()) == nil)
        #expect(requirement.misfit(of: Ability(fetches: false)) == nil)
        #expect(requirement.misfit(of: Ability(fetches: true, models: [])) == nil)
        let able = Ability(memory: 1, precision: "fp32", families: [])
        #expect(Self.requirement().misfit(of: able) == nil)
        #expect(Fitness(now: .now).misfits(of: Ability?.none) == [])
    }

    @Test("memory is counted in the worker's precision, and the sentence names both amounts and the remedy")
    func memory() {
        let requirement = Self.requirement(7, need: Self.need)
        let misfit = requirement.misfit(of: Ability(memory: 7_990_000_000, precision: "fp32"))
        #expect(
            misfit
                == Misfit(
                    requirement: 7,
                    reason: """
                        “big” takes 13.9 GB of memory at least at 1024x768 in fp32, and this worker may take 7.9 GB; attach \
                        one with more memory, allow this one more, or render a smaller size.
                        """, shortage: 5_860_000_000))
        #expect(requirement.misfit(of: Ability(memory: 13_850_000_000, precision: "fp32")) == nil)
        #expect(requirement.misfit(of: Ability(memory: 8_000_000_000, precision: "bf16")) == nil)
        #expect(requirement.misfit(of: Ability(memory: 8_000_000_000)) == nil)
        #expect(requirement.misfit(of: Ability(memory: 7_999_999_999, precision: "int4"))?.shortage == 1)
        #expect(requirement.misfit(of: Ability(memory: 0, precision: "fp32")) != nil)
    }

    @Test("a family that a worker does not know, and files that it neither has nor fetches, are not for it")
    func familiesAndFiles() throws {
        let requirement = Self.requirement(need: Self.need)
        let reason = try #require(requirement.misfit(of: Ability(families: ["Stable Diffusion 1.x"]))?.reason)
        #expect(reason == "“big” is a model of \(Self.xl), which this worker does not know; attach a newer one.")
        #expect(requirement.misfit(of: Ability(families: [Self.xl])) == nil)
        let lacking = Self.requirement(loras: [Self.lora])
        let models = [Fixtures.fingerprint]
        #expect(
            lacking.misfit(of: Ability(fetches: false, models: []))?.reason.contains("no copy of “big” and") == true)
        #expect(
            lacking.misfit(of: Ability(fetches: false, models: models))?.reason.contains("of “watercolor” and") == true)
        #expect(lacking.misfit(of: Ability(fetches: false, models: models + [Self.lora])) == nil)
        #expect(lacking.misfit(of: Ability(fetches: true, models: [])) == nil)
    }

    @Test("claims of who told what it can wait until the needs are known, though not for ever")
    func waiting() {
        let now = ContinuousClock.now
        var fitness = Fitness(isAssessing: true, now: now)
        fitness.joined("ada", able: Ability(memory: 1))
        fitness.joined("emmy", able: nil)
        #expect(fitness.mustWait("ada", now: now))
        #expect(!fitness.mustWait("emmy", now: now))
        #expect(!fitness.mustWait("ada", now: now + Fitness.patience))
        fitness.assessed([Self.requirement(need: Self.need)])
        #expect(!fitness.mustWait("ada", now: now))
        #expect(fitness.misfits(of: "ada").count == 1)
        #expect(fitness.misfits(of: "emmy").isEmpty)
        fitness.left("ada")
        #expect(fitness.misfits(of: "ada").isEmpty)
    }

    // MARK: - With the database

    /// Two prompts in two sizes: the small shard comes first.
    private static func plan() throws -> SweepPlan {
        var plan = try Fixtures.plan(prompts: ["small", "large"])
        for index in 3..<6 {
            plan.cells[index].cell.width = 512
            plan.positions[index].width = 512
        }
        return plan
    }

    @Test("a plan's shards name what they want of a worker, also when it is edited")
    func requirements() async throws {
        let fixture = try await StoreFixture(try Self.plan())
        let requirements = try await fixture.store.requirements()
        #expect(requirements.map(\.use.width) == [8, 512])
        #expect(requirements.allSatisfy { $0.use.name == "tiny" && $0.use.fingerprint == Fixtures.fingerprint })
        let shards = "SELECT shard.id, width FROM shard LEFT JOIN requirement ON requirement.id = requirement"
        #expect(try await fixture.query(shards) == ["0|8", "1|512"])
        var edited = try Self.plan()
        edited.shards = PlanList(edited.shards.reversed())
        _ = try await fixture.store.adopt(edited, directory: "DIR")
        #expect(try await fixture.query(shards).suffix(2) == ["2|512", "3|8"])
        #expect(try await fixture.store.requirements() == requirements)
    }

    @Test("a database of an earlier version learns what its shards want")
    func migration() async throws {
        let temporary = TemporaryDirectory()
        try temporary.directory.create()
        let path = temporary.directory.database.path
        let old = try DatabaseQueue(path: path)
        try Schema.migrator.migrate(old, upTo: "readings")
        try await old.write { db in
            try db.execute(
                sql: """
                    INSERT INTO phrase VALUES (1, '\(Fixtures.fingerprint)'), (2, 'tiny');
                    INSERT INTO shard VALUES (0, 2), (1, 1);
                    """)
            for (id, shard, width) in [(1, 1, 512), (2, 0, 8), (3, 0, 8)] {
                let key = String(repeating: "\(id)", count: 64)
                try db.execute(
                    sql: """
                        INSERT INTO cell (id, key, fingerprint, prompt, negative_prompt, guidance, seed, steps, sampler,
                            width, height, shard, rank, position)
                        VALUES (\(id), '\(key)', 1, 2, 2, '1', '7', 4, 'ddim', \(width), 8, \(shard), \(id), \(id));
                        INSERT INTO position (id, cell, model, prompt, negative_prompt, style, guidance, seed, steps,
                            sampler, width, height)
                        VALUES (\(id), \(id), 2, 2, 2, 2, '1', '7', 4, 'ddim', \(width), 8);
                        """)
            }
        }
        try old.close()
        let store = try SweepStore(path: path)
        let requirements = try await store.requirements()
        #expect(Set(requirements.map(\.use.width)) == [8, 512])
        #expect(requirements.allSatisfy { $0.use.name == "tiny" && $0.use.fingerprint == Fixtures.fingerprint })
        let wanted = try await store.committer.perform { db in
            try db.rows("SELECT width FROM shard JOIN requirement ON requirement.id = requirement ORDER BY shard.id")
                .map { $0["width"] as Int }
        }
        #expect(wanted == [8, 512])
    }

    private func misfit(of fixture: StoreFixture, _ width: Int, shortage: Int = 5) async throws -> [Misfit] {
        let requirement = try #require(
            try await fixture.store.requirements().first { $0.use.width == width })
        return [Misfit(requirement: requirement.id, reason: "\(width) is too wide by \(shortage).", shortage: shortage)]
    }

    @Test("cells are never leased to who can't render them; the others go on, and a fitting worker takes what waits")
    func leasing() async throws {
        let fixture = try await StoreFixture(try Self.plan(), workers: [Fixtures.ada])
        try await fixture.store.setMisfits(try await misfit(of: fixture, 8), of: Fixtures.ada)
        #expect(
            try await fixture.store.unrenderable()
                == "3 cells wait for a worker that can render them; worker-1 can't: 8 is too wide by 5.")
        let grant = try await fixture.claim(1)
        #expect(grant.cells.allSatisfy { $0.cell.width == 512 })
        #expect(try await fixture.store.hopelessness(of: Fixtures.ada) == nil)
        for cell in grant.cells { _ = try await fixture.commit(cell.key, under: 1) }
        #expect(try await fixture.store.claim(lease: Fixtures.lease(2), identity: Fixtures.ada) == nil)
        #expect(try await fixture.store.hopelessness(of: Fixtures.ada) == "8 is too wide by 5.")

        _ = try await fixture.store.register(Fixtures.hello("emmy", Fixtures.emmy))
        #expect(try await fixture.store.unrenderable() == nil)
        let rest = try await fixture.claim(3, by: Fixtures.emmy)
        #expect(rest.cells.allSatisfy { $0.cell.width == 8 })
        // Nor is a copy of them.
        #expect(try await fixture.store.tail(for: Fixtures.ada).isEmpty)
        try await fixture.store.setMisfits([], of: Fixtures.ada)
        #expect(try await fixture.store.tail(for: Fixtures.ada).count == 1)
        try await fixture.checkInvariants()
    }

    @Test("of those who can't, the one that comes nearest is told, and how many kinds of cells wait beside")
    func nearest() async throws {
        let fixture = try await StoreFixture(try Self.plan())
        for (worker, shortage) in [(Fixtures.ada, 9), (Fixtures.emmy, 2)] {
            let misfits =
                try await misfit(of: fixture, 8, shortage: shortage)
                + misfit(of: fixture, 512, shortage: shortage)
            try await fixture.store.setMisfits(misfits, of: worker)
        }
        #expect(
            try await fixture.store.unrenderable() == """
                3 cells wait for a worker that can render them; worker-2 can't: 8 is too wide by 2. Cells of 1 other models \
                or sizes wait too.
                """)
        let lock = try DirectoryLock(fixture.temporary.directory)
        defer { withExtendedLifetime(lock) {} }
        let explanation = try SweepReader(fixture.temporary.directory).explain("0").joined(separator: "\n")
        #expect(
            explanation.contains(
                """
                No connected worker can have it. worker-1: 8 is too wide by 9. worker-2: 8 is too wide by 2.
                """))
        // A hello says everything anew.
        _ = try await fixture.store.register(Fixtures.hello("worker-1", Fixtures.ada))
        #expect(try await fixture.store.unrenderable() == nil)
    }

    @Test("a cell that a worker failed is left to others only if one of them can render it")
    func failed() async throws {
        let fixture = try await StoreFixture(try Fixtures.plan(prompts: ["one"], guidances: 1))
        let key = try await fixture.claim(1).cells[0].key
        _ = try await fixture.fail(key, under: 1)
        func claim(_ lease: Int) async throws -> Grant? {
            try await fixture.store.claim(
                lease: Fixtures.lease(lease), identity: Fixtures.ada, hasCompany: true)
        }
        #expect(try await claim(2) == nil)
        try await fixture.store.setMisfits(try await misfit(of: fixture, 8), of: Fixtures.emmy)
        #expect(try await claim(3)?.cells.map(\.key) == [key])
    }

    // MARK: - With a server

    @Test(
        "a worker that is too small is told why and goes; the sweep says what waits until a larger one comes",
        .timeLimit(.minutes(1)))
    func server() async throws {
        let temporary = TemporaryDirectory()
        var settings = ServerFixture.settings()
        settings.assess = { use in ModelNeed(family: "tiny", memory: ["fp32": use.width * 1_000_000_000]) }
        try await ServerFixture.serve(temporary, plan: Self.plan(), settings: settings) { server in
            func hello(_ name: String, _ identity: String, _ gigabytes: Int) -> Hello {
                var hello = Fixtures.hello(name, identity, secret: server.joinToken.secret.base64URL)
                hello.able = Ability(memory: gigabytes * 1_000_000_000, precision: "fp32", fetches: true)
                return hello
            }
            let small = try await TestWorker(port: server.boundPort)
            _ = try await small.join(hello("small", Fixtures.ada, 8))
            let grant = try await claim(small)
            #expect(grant?.cells.allSatisfy { $0.cell.width == 8 } == true)
            var message: String?
            while message == nil { message = try await server.status().message }
            let waiting = "3 cells wait for a worker that can render them; small can't: “tiny” takes 512.0 GB"
            #expect(message?.hasPrefix(waiting) == true, "\(message ?? "")")
            try await small.send(.bye)
            let smaller = try await TestWorker(port: server.boundPort)
            _ = try await smaller.join(hello("smaller", String(repeating: "5", count: 32), 7))
            try await smaller.send(.claim(Claim()))
            guard case .drain(let drain)? = try await smaller.next() else {
                Issue.record("no drain came")
                return
            }
            #expect(drain.isUnfit == true)
            let reason = "This worker can render none of the cells that are left. “tiny” takes 8.0 GB"
            #expect(drain.reason.hasPrefix(reason), "\(drain.reason)")
            let large = try await TestWorker(port: server.boundPort)
            _ = try await large.join(hello("large", Fixtures.emmy, 512))
            #expect(try await server.status().message == nil)
            #expect(try await claim(large)?.cells.count == 3)
            #expect(try await claim(large)?.cells.count == 3)
        }
    }

    /// The next grant, however often the coordinator asks for patience before.
    private func claim(_ worker: TestWorker) async throws -> Grant? {
        while true {
            try await worker.send(.claim(Claim()))
            switch try await worker.next() {
            case .grant(let grant)?: return grant
            case .idle?: continue
            default: return nil
            }
        }
    }
}
