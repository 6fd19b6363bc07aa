import Foundation
import SharedModel
import Testing

@testable import Coordinator

@Suite("What people see of a sweep")
struct StatusTests {
    @Test("the counts add up, and the rate is that of the last minutes")
    func status() async throws {
        let fixture = try await StoreFixture()
        _ = try await fixture.store.recover()
        _ = try await fixture.store.register(Fixtures.hello("worker-1", Fixtures.ada))
        let fresh = try await fixture.store.status()
        #expect(fresh.imagesPerMinute == nil && fresh.etaSeconds == nil)
        #expect(fresh.pending == 6 && fresh.positions == 6 && fresh.cells == 6)

        let grant = try await fixture.claim(1)
        fixture.advance(by: 60)
        _ = try await fixture.commit(grant.cells[0].key, under: 1)
        _ = try await fixture.commit(grant.cells[1].key, under: 1)
        fixture.advance(by: 60)
        let status = try await fixture.store.status()
        #expect((status.done, status.leased, status.pending, status.failed) == (2, 1, 3, 0))
        #expect(status.imagesPerMinute == 1)
        #expect(status.etaSeconds == 240)
        #expect(status.state == .running)
        #expect(
            status.workers == [
                .init(name: "worker-1", device: "cpu", state: .working, done: 2, secondsPerImage: 2),
                .init(name: "worker-2", device: "cpu", state: .away, done: 0, secondsPerImage: nil),
            ])
        fixture.advance(by: 400)
        #expect(try await fixture.store.status().imagesPerMinute == nil)
    }

    @Test("failures say which and why, and a sweep without open cells is done")
    func done() async throws {
        let fixture = try await StoreFixture(try Fixtures.plan(prompts: ["one"], guidances: 2))
        let cells = try await fixture.claim(1).cells
        _ = try await fixture.commit(cells[0].key, under: 1)
        _ = try await fixture.fail(cells[1].key, under: 1)
        _ = try await fixture.claim(2, by: Fixtures.emmy)
        _ = try await fixture.fail(cells[1].key, under: 2, by: Fixtures.emmy)
        let status = try await fixture.store.status()
        #expect(status.state == .done && status.etaSeconds == 0)
        #expect(status.failures == [.init(cell: cells[1].key, position: 1, reason: "No tokens.")])
    }

    @Test("the state that a coordinator publishes is seen from outside while it runs, and not after")
    func published() async throws {
        let fixture = try await StoreFixture()
        try await fixture.store.publish(.paused, message: "Lunch.")
        let directory = fixture.temporary.directory
        let reader = try SweepReader(directory)
        var lock: DirectoryLock? = try DirectoryLock(directory)
        #expect(try reader.status(now: fixture.now).state == .paused)
        #expect(try reader.status(now: fixture.now).message == "Lunch.")
        withExtendedLifetime(lock) {}
        lock = nil
        #expect(try reader.status(now: fixture.now).state == .stopped)
        #expect(try reader.status(now: fixture.now).workers.allSatisfy { $0.state == .away })
    }

    @Test("a live sweep can be read by others, row by row in grid order")
    func rows() async throws {
        let fixture = try await StoreFixture(try Fixtures.plan(prompts: ["one", "two", "one"]))
        let grant = try await fixture.claim(1)
        _ = try await fixture.commit(grant.cells[1].key, under: 1)
        let reader = try SweepReader(fixture.temporary.directory)
        let rows = try reader.rows()
        #expect(rows.map(\.position) == Array(0..<9))
        #expect(
            rows.map(\.state) == [
                "leased", "done", "leased", "pending", "pending", "pending", "leased", "done", "leased",
            ])
        let done = rows[7]
        let sha = try #require(done.sha256)
        #expect(done.image == SweepDirectory.imagePath(sha256: sha))
        #expect(done.worker == "worker-1" && done.attempts == 1 && done.verdict == nil)
        #expect(done.prompt == "raw one" && done.seed == .max && done.guidance == 2)
        #expect(done.timings == .init(encode: 0.25, denoise: 1, decode: 0.5, png: 0.25, upload: 0.5, total: 2.5))
        #expect(try reader.sweep().source == "name: sweep")
    }

    @Test("a line of the export has every key, known or not")
    func exportKeys() async throws {
        let fixture = try await StoreFixture()
        let row = try #require(try SweepReader(fixture.temporary.directory).rows().first)
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let line = String(decoding: try encoder.encode(row), as: UTF8.self)
        #expect(
            line == """
                {"attempts":0,"cell":"\(row.cell)","guidance":1,"height":8,"image":null,"measures":null,\
                "note":null,"position":0,"prompt":"raw one","reading":null,"sampler":"ddim","seed":18446744073709551615,\
                "sha256":null,"state":"pending","steps":4,"style":"none","tags":[],"timings":null,"verdict":null,"width":8,"worker":null}
                """)
    }
}
