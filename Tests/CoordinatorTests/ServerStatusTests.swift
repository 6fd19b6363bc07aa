import SharedModel
import Testing

@testable import Coordinator

@Suite("What a server tells of itself", .timeLimit(.minutes(1)))
struct ServerStatusTests {
    private let temporary = TemporaryDirectory()

    @Test("a worker that is connected and silent is shown as suspect, and no more once it is heard")
    func suspect() async throws {
        var settings = ServerFixture.settings()
        settings.timeouts.silence = .seconds(20)
        settings.timeouts.suspicion = .milliseconds(300)
        try await ServerFixture.serve(temporary, plan: Fixtures.plan(), settings: settings) { server in
            let worker = try await TestWorker(port: server.boundPort)
            _ = try await worker.join(ServerFixture.hello(server))
            // Of one look: where this process stood still for seconds, the next may find it unsuspected.
            var shown = try await server.status().workers.first
            while shown?.state != .suspect {
                try await Task.sleep(for: .milliseconds(10))
                shown = try await server.status().workers.first
            }
            #expect(shown?.note?.contains("after 20 s its cells") == true)
            // Again and again: on a busy host it may be suspect once more before anybody looks.
            repeat {
                try await worker.send(.beat(Beat(lease: nil, cell: nil, step: 0, steps: 0)))
                try await Task.sleep(for: .milliseconds(10))
            } while try await server.status().workers.first?.state != .idle
        }
    }

    @Test("the status tells which step of which image a worker renders, until it renders nothing")
    func rendering() async throws {
        try await ServerFixture.serve(temporary, plan: Fixtures.plan(prompts: ["one", "two"])) { server in
            let worker = try await TestWorker(port: server.boundPort)
            _ = try await worker.join(ServerFixture.hello(server))
            _ = try await worker.claim()
            let grant = try await worker.claim()
            #expect(try await server.status().workers.map(\.rendering) == [nil])
            try await worker.send(.beat(Beat(lease: grant.lease, cell: grant.cells[1].key, step: 3, steps: 4)))
            #expect(try await worker.next() == .beatReply(BeatReply(lost: [])))
            #expect(
                try await server.status().workers.map(\.rendering) == [.init(position: 4, step: 3, steps: 4)])
            try await worker.send(.beat(Beat(lease: nil, cell: nil, step: 0, steps: 0)))
            #expect(try await worker.next() == .beatReply(BeatReply(lost: [])))
            #expect(try await server.status().workers.map(\.rendering) == [nil])
        }
    }

    @Test("a full disk stops grants and uploads, says so, and ends by itself")
    func diskFull() async throws {
        let disk = FakeDisk()
        var settings = ServerFixture.settings()
        settings.diskRoom = disk.room
        try await ServerFixture.serve(temporary, plan: Fixtures.plan(), settings: settings) { server in
            let worker = try await TestWorker(port: server.boundPort)
            _ = try await worker.join(ServerFixture.hello(server))
            let grant = try await worker.claim()
            disk.set(free: 1 << 20)
            try await ServerFixture.wait(for: .diskFull, of: server)
            #expect(try await server.status().message?.contains("1 MiB are free") == true)
            let bytes = TestPNG.image()
            let offer = Fixtures.offer(grant.cells[0].key, under: grant.lease, image: bytes)
            #expect(try await worker.deliver(offer, image: bytes).outcome == .later)
            try await worker.send(.claim(Claim()))
            guard case .idle(let idle)? = try await worker.next() else {
                Issue.record("no idle")
                return
            }
            #expect(idle.reason.contains("full"))
            disk.set(free: .max)
            try await ServerFixture.wait(for: .running, of: server)
            #expect(try await worker.deliver(offer, image: bytes).outcome == .stored)
            _ = try await worker.claim()
        }
    }

    @Test("pause and drain are heard by workers, also when another process asks")
    func requests() async throws {
        try await ServerFixture.serve(temporary, plan: Fixtures.plan()) { server in
            let worker = try await TestWorker(port: server.boundPort)
            _ = try await worker.join(ServerFixture.hello(server))
            try temporary.directory.submit(.pause)
            try await ServerFixture.wait(for: .paused, of: server)
            try await worker.send(.claim(Claim()))
            #expect(try await worker.next() == .idle(Idle(reason: "The sweep is paused.", retrySeconds: 2)))
            try temporary.directory.submit(.resume)
            try await ServerFixture.wait(for: .running, of: server)
            let grant = try await worker.claim()
            try temporary.directory.submit(.drain)
            #expect(try await worker.next() == .drain(Drain(reason: "The sweep is drained.")))
            try await worker.send(.claim(Claim()))
            #expect(try await worker.next() == .drain(Drain(reason: "The sweep is drained.")))
            try await worker.send(.release(Release(lease: grant.lease)), .bye)
            #expect(try await worker.next() == nil)
        }
    }

    @Test("an inquiry is answered with the status and joins nothing")
    func inquiry() async throws {
        try await ServerFixture.serve(temporary, plan: Fixtures.plan()) { server in
            let worker = try await TestWorker(port: server.boundPort)
            try await worker.send(
                .inquire(Inquire(version: WireLimits.protocolVersion, secret: server.joinToken.secret.base64URL)))
            #expect(try await worker.next() == .report(try await server.status()))
            #expect(try await worker.next() == nil)
        }
    }
}
