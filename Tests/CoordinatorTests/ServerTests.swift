import Foundation
import NIOCore
import SharedModel
import Testing

@testable import Coordinator

@Suite("The server", .timeLimit(.minutes(1)))
struct ServerTests {
    private let temporary = TemporaryDirectory()

    /// An image of its own for each cell, so that mixed-up files would be noticed.
    private func image(_ granted: GrantedCell) -> [UInt8] {
        TestPNG.image(text: granted.key.hex)
    }

    @Test("a worker joins, claims, uploads, and what is acknowledged is on the disk")
    func wholeWay() async throws {
        let plan = try Fixtures.plan()
        try await ServerFixture.serve(temporary, plan: plan) { server in
            let worker = try await TestWorker(port: server.boundPort)
            let welcome = try await worker.join(ServerFixture.hello(server))
            #expect(welcome.name == "ada" && welcome.sweep == "sweep" && welcome.leases.isEmpty)
            let grant = try await worker.claim()
            #expect(grant.cells.map(\.key) == plan.shards[0].cells)
            for cell in grant.cells {
                let bytes = image(cell)
                let offer = Fixtures.offer(cell.key, under: grant.lease, image: bytes)
                #expect(
                    try await worker.deliver(offer, image: bytes) == Ack(cell: cell.key, outcome: .stored, reason: ""))
                let file = temporary.directory.url.appending(path: SweepDirectory.imagePath(sha256: offer.sha256))
                #expect(try Data(contentsOf: file) == Data(bytes))
                #expect(try await worker.deliver(offer, image: bytes).outcome == .duplicate)
            }
            try await worker.send(.beat(Beat(lease: grant.lease, cell: nil, step: 0, steps: 4)))
            #expect(try await worker.next() == .beatReply(BeatReply(lost: [grant.lease])))
            let rows = try SweepReader(temporary.directory).rows()
            #expect(rows.prefix(3).allSatisfy { $0.state == "done" && $0.worker == "ada" })
            #expect(try await server.status().done == 3)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: temporary.directory.incoming.path) == [])
        #expect(try !DirectoryLock.isHeld(in: temporary.directory))
        #expect(try String(contentsOf: temporary.directory.source, encoding: .utf8) == plan.source)
    }

    @Test("a wrong token is refused for good")
    func wrongToken() async throws {
        try await ServerFixture.serve(temporary, plan: Fixtures.plan()) { server in
            for message in [
                WorkerMessage.hello(Fixtures.hello("eve", Fixtures.ada, secret: JoinSecret().base64URL)),
                .inquire(Inquire(version: WireLimits.protocolVersion, secret: "")),
            ] {
                let worker = try await TestWorker(port: server.boundPort)
                try await worker.send(message)
                guard case .refused(let refused)? = try await worker.next() else {
                    Issue.record("no refusal")
                    return
                }
                #expect(refused.isFinal && refused.reason.contains("join token is wrong"))
                #expect(try await worker.next() == nil)
            }
            #expect(try await server.status().workers.isEmpty)
        }
    }

    @Test("another version of the protocol is refused for good, with both numbers")
    func wrongVersion() async throws {
        try await ServerFixture.serve(temporary, plan: Fixtures.plan()) { server in
            let worker = try await TestWorker(port: server.boundPort)
            let secret = server.joinToken.secret.base64URL
            try await worker.send(.hello(Fixtures.hello("old", Fixtures.ada, secret: secret, version: 7)))
            guard case .refused(let refused)? = try await worker.next() else {
                Issue.record("no refusal")
                return
            }
            #expect(
                refused.isFinal && refused.reason.contains("version \(WireLimits.protocolVersion)")
                    && refused.reason.contains("version 7"))
        }
    }

    @Test("frames that break the protocol get a sentence and the door", arguments: BadFrame.allCases)
    func badFrames(bad: BadFrame) async throws {
        try await ServerFixture.serve(temporary, plan: Fixtures.plan()) { server in
            let worker = try await TestWorker(port: server.boundPort)
            if bad.isAdmitted { _ = try await worker.join(ServerFixture.hello(server)) }
            try await worker.send(bytes: bad.bytes)
            guard case .refused(let refused)? = try await worker.next() else {
                Issue.record("no refusal")
                return
            }
            #expect(!refused.isFinal && refused.reason.contains(bad.sentence), "\(refused.reason)")
            #expect(try await worker.next() == nil)
        }
    }

    @Test("a stranger that says nothing is cut off, and so is one too many")
    func slowClients() async throws {
        var settings = ServerFixture.settings()
        settings.deadlines.authentication = .seconds(3)
        settings.strangers = 2
        try await ServerFixture.serve(temporary, plan: Fixtures.plan(), settings: settings) { server in
            let first = try await TestWorker(port: server.boundPort)
            let second = try await TestWorker(port: server.boundPort)
            // Whoever is turned away while this test waits for its turn finds the channel closed.
            let third = try? await TestWorker(port: server.boundPort)
            for stranger in [third, first, second] {
                let answer = try? await stranger?.next()
                #expect(answer == nil)
            }
            // An honest one may come too late, too, on a busy machine.
            var welcome: Welcome?
            while welcome == nil {
                welcome = try? await TestWorker(port: server.boundPort).join(ServerFixture.hello(server))
            }
            #expect(welcome?.name == "ada")
        }
    }

    @Test("a worker beyond those that a coordinator takes is told to come again, and who is in may come back")
    func tooManyWorkers() async throws {
        var settings = ServerFixture.settings()
        settings.mostWorkers = 1
        try await ServerFixture.serve(temporary, plan: Fixtures.plan(), settings: settings) { server in
            let first = try await TestWorker(port: server.boundPort)
            _ = try await first.join(ServerFixture.hello(server))
            let second = try await TestWorker(port: server.boundPort)
            try await second.send(.hello(ServerFixture.hello(server, "emmy", Fixtures.emmy)))
            guard case .refused(let refused)? = try await second.next() else {
                Issue.record("no refusal")
                return
            }
            #expect(!refused.isFinal && refused.reason.contains("takes no more than 1"), "\(refused.reason)")
            let again = try await TestWorker(port: server.boundPort)
            #expect(try await again.join(ServerFixture.hello(server)).name == "ada")
        }
    }

    @Test("an image that is not the cell's is refused, and the right one is still taken")
    func badImage() async throws {
        try await ServerFixture.serve(temporary, plan: Fixtures.plan()) { server in
            let worker = try await TestWorker(port: server.boundPort)
            _ = try await worker.join(ServerFixture.hello(server))
            let grant = try await worker.claim()
            for bytes in [TestPNG.image(width: 16), Array("no image at all".utf8), TestPNG.image() + [0]] {
                let offer = Fixtures.offer(grant.cells[0].key, under: grant.lease, image: bytes)
                #expect(try await worker.deliver(offer, image: bytes, chunk: 7).outcome == .refused)
            }
            let right = image(grant.cells[0])
            let liar = Fixtures.offer(
                grant.cells[0].key, under: grant.lease, image: right, sha256: String(repeating: "0", count: 64))
            #expect(try await worker.deliver(liar, image: right).outcome == .refused)
            let foreign = Fixtures.offer(try Fixtures.plan().shards[1].cells[0], under: grant.lease, image: right)
            #expect(try await worker.deliver(foreign, image: right).outcome == .refused)
            let offer = Fixtures.offer(grant.cells[0].key, under: grant.lease, image: right)
            #expect(try await worker.deliver(offer, image: right).outcome == .stored)
        }
    }

    @Test("a worker that comes back on another connection keeps the leases that it names")
    func comesBack() async throws {
        try await ServerFixture.serve(temporary, plan: Fixtures.plan()) { server in
            let first = try await TestWorker(port: server.boundPort)
            _ = try await first.join(ServerFixture.hello(server))
            let kept = try await first.claim()
            let lost = try await first.claim()
            let second = try await TestWorker(port: server.boundPort)
            let welcome = try await second.join(ServerFixture.hello(server, leases: [kept.lease]))
            #expect(welcome.leases == [kept.lease])
            #expect(try await first.next() == nil)
            #expect(try await second.claim().cells.map(\.key) == lost.cells.map(\.key))
            let bytes = image(lost.cells[0])
            let late = Fixtures.offer(lost.cells[0].key, under: lost.lease, image: bytes)
            #expect(try await second.deliver(late, image: bytes).outcome == .stored)
        }
    }

    @Test("leases and the secret outlive the coordinator")
    func restart() async throws {
        let plan = try Fixtures.plan()
        let (lease, secret) = try await ServerFixture.serve(temporary, plan: plan) { server in
            let worker = try await TestWorker(port: server.boundPort)
            _ = try await worker.join(ServerFixture.hello(server))
            return (try await worker.claim().lease, server.joinToken.secret)
        }
        #expect(try SweepReader(temporary.directory).status().state == .stopped)
        try await ServerFixture.serve(temporary) { server in
            #expect(server.joinToken.secret == secret)
            let worker = try await TestWorker(port: server.boundPort)
            #expect(try await worker.join(ServerFixture.hello(server, leases: [lease])).leases == [lease])
            let bytes = TestPNG.image()
            let offer = Fixtures.offer(plan.cells[0].key, under: lease, image: bytes)
            #expect(try await worker.deliver(offer, image: bytes).outcome == .stored)
        }
    }

    @Test("released and failed cells go where they belong")
    func releaseAndFail() async throws {
        try await ServerFixture.serve(temporary, plan: Fixtures.plan(prompts: ["one"])) { server in
            let worker = try await TestWorker(port: server.boundPort)
            _ = try await worker.join(ServerFixture.hello(server))
            let grant = try await worker.claim()
            let sick = grant.cells[0].key
            var lease = grant.lease
            for _ in 1...2 {
                try await worker.send(
                    .fail(Fail(lease: lease, cell: sick, reason: "No memory.")), .release(Release(lease: lease)))
                let again = try await worker.claim()
                #expect(again.cells.map(\.key) == grant.cells.dropFirst().map(\.key) + [sick])
                lease = again.lease
            }
            try await worker.send(
                .fail(Fail(lease: lease, cell: sick, reason: "No memory.")), .release(Release(lease: lease)))
            #expect(try await worker.claim().cells.map(\.key) == grant.cells.dropFirst().map(\.key))
            let status = try await server.status()
            #expect(status.failures.map(\.reason) == ["No memory."])
            #expect(try await server.retryFailed() == 1)
            #expect(try await worker.claim().cells.map(\.key) == [sick])
        }
    }

    @Test("a coordinator that is to end with its sweep drains its workers and ends")
    func exitsWhenDone() async throws {
        let plan = try Fixtures.plan(prompts: ["one"], guidances: 2)
        let server = try await ServerFixture.start(
            temporary, plan: plan, settings: ServerFixture.settings(exitsWhenDone: true))
        async let run: Void = server.run()
        let worker = try await TestWorker(port: server.boundPort)
        _ = try await worker.join(ServerFixture.hello(server))
        let grant = try await worker.claim()
        for cell in grant.cells {
            let bytes = image(cell)
            let offer = Fixtures.offer(cell.key, under: grant.lease, image: bytes)
            try await worker.send(.offer(offer))
            #expect(try await worker.next() == .send(Send(cell: cell.key)))
            try await worker.send(.chunk(bytes))
            #expect(try await worker.next() == .ack(Ack(cell: cell.key, outcome: .stored, reason: "")))
        }
        #expect(try await worker.next() == .drain(Drain(reason: "Every cell is done.")))
        try await worker.send(.bye)
        try await run
        #expect(try SweepReader(temporary.directory).status().state == .done)
        let again = try await ServerFixture.start(
            temporary, plan: plan, settings: ServerFixture.settings(exitsWhenDone: true))
        #expect(again.adoption == .resumed)
        try await again.run()
    }

    @Test("an upload under way at shutdown is still acknowledged")
    func shutdownDuringUpload() async throws {
        let plan = try Fixtures.plan()
        let server = try await ServerFixture.start(temporary, plan: plan, settings: ServerFixture.settings())
        let running = Task { try await server.run() }
        let worker = try await TestWorker(port: server.boundPort)
        let idle = try await TestWorker(port: server.boundPort)
        _ = try await idle.join(ServerFixture.hello(server, "emmy", Fixtures.emmy))
        _ = try await worker.join(ServerFixture.hello(server))
        let grant = try await worker.claim()
        let bytes = image(grant.cells[0])
        try await worker.send(.offer(Fixtures.offer(grant.cells[0].key, under: grant.lease, image: bytes)))
        #expect(try await worker.next() == .send(Send(cell: grant.cells[0].key)))
        try await worker.send(.chunk(Array(bytes.prefix(10))))
        server.shutDown()
        #expect(try await idle.next() == nil)
        try await worker.send(.chunk(Array(bytes.dropFirst(10))))
        #expect(try await worker.next() == .ack(Ack(cell: grant.cells[0].key, outcome: .stored, reason: "")))
        #expect(try await worker.next() == nil)
        try await running.value
    }

    @Test("a disk that fails in the middle of an upload costs no connection and no image")
    func diskError() async throws {
        try await ServerFixture.serve(temporary, plan: Fixtures.plan()) { server in
            let worker = try await TestWorker(port: server.boundPort)
            _ = try await worker.join(ServerFixture.hello(server))
            let grant = try await worker.claim()
            let bytes = image(grant.cells[0])
            let offer = Fixtures.offer(grant.cells[0].key, under: grant.lease, image: bytes)
            let images = temporary.directory.images
            try FileManager.default.removeItem(at: images)
            try Data().write(to: images)
            #expect(try await worker.deliver(offer, image: bytes).outcome == .later)
            try FileManager.default.removeItem(at: images)
            try FileManager.default.createDirectory(at: images, withIntermediateDirectories: false)
            try await ServerFixture.wait(for: .running, of: server)
            #expect(try await worker.deliver(offer, image: bytes).outcome == .stored)
        }
    }

    @Test("a second coordinator, a busy port and an empty directory are refused with what to do")
    func refusals() async throws {
        await #expect(throws: CoordinatorError.noSweep(directory: temporary.directory.url.path)) {
            try await ServerFixture.start(temporary, plan: nil, settings: ServerFixture.settings())
        }
        try await ServerFixture.serve(temporary, plan: Fixtures.plan()) { server in
            await #expect {
                try await ServerFixture.start(temporary, plan: Fixtures.plan(), settings: ServerFixture.settings())
            } throws: { error in
                "\(error)".contains("already served by another coordinator (process ")
            }
            let other = TemporaryDirectory()
            await #expect(throws: CoordinatorError.portInUse(address: "127.0.0.1:\(server.boundPort)")) {
                try await CoordinatorServer.start(
                    in: other.directory, plan: Fixtures.plan(), host: "127.0.0.1", port: server.boundPort,
                    settings: ServerFixture.settings(), logger: server.logger)
            }
        }
    }

    @Test("a hard cancellation ends the server and frees its directory")
    func cancelled() async throws {
        let server = try await ServerFixture.start(
            temporary, plan: Fixtures.plan(), settings: ServerFixture.settings())
        let running = Task { try await server.run() }
        let worker = try await TestWorker(port: server.boundPort)
        _ = try await worker.join(ServerFixture.hello(server))
        running.cancel()
        _ = await running.result
        #expect(try !DirectoryLock.isHeld(in: temporary.directory))
        #expect(try await worker.next() == nil)
    }

    enum BadFrame: CaseIterable {
        case claimFirst, oversized, empty, unknown, chunkOutOfPlace, garbage, secondHello

        var isAdmitted: Bool {
            switch self {
            case .claimFirst, .oversized, .garbage: false
            case .empty, .unknown, .chunkOutOfPlace, .secondHello: true
            }
        }

        var bytes: ByteBuffer {
            switch self {
            case .claimFirst: ByteBuffer(bytes: [0, 0, 0, 3, 2, 0x7B, 0x7D])
            case .oversized: ByteBuffer(bytes: [0, 0, 4, 1, 1])
            case .empty: ByteBuffer(bytes: [0, 0, 0, 0])
            case .unknown: ByteBuffer(bytes: [0, 0, 0, 1, 0x7F])
            case .chunkOutOfPlace: ByteBuffer(bytes: [0, 0, 0, 2, 5, 0])
            case .garbage: ByteBuffer(string: "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            case .secondHello:
                ByteBuffer(
                    bytes: [0, 0, 0, 123, 1]
                        + Array(
                            """
                            {"version":1,"secret":"s","name":"ada","identity":"\(Fixtures.ada)","device":"","program":"","leases":[]}
                            """.utf8))
            }
        }

        var sentence: String {
            switch self {
            case .claimFirst: "the first frame must be a hello"
            case .oversized: "A frame of 1025 bytes is longer than the 1024 bytes allowed"
            case .empty: "A frame has length 0"
            case .unknown: "No frame has the type 0x7f"
            case .chunkOutOfPlace: "a chunk came that nobody asked for"
            case .garbage: "is longer than"
            case .secondHello: "a second hello came"
            }
        }
    }
}
