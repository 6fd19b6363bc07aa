import Foundation
import PNG
import ServiceLifecycle
import SharedModel
import Testing

@testable import Worker

/// The whole worker against a coordinator played by the test, over a real socket.
@Suite("A worker on the wire", .timeLimit(.minutes(1)))
struct WorkerServiceTests {
    private static func service(
        port: Int, cache: String, hosts: [String] = ["127.0.0.1"], publicKeyHash: [UInt8]? = nil,
        delay: Duration = .zero, makeEngine: (@Sendable () throws -> any Engine)? = nil
    ) throws -> WorkerService {
        let token = try JoinToken(hosts: hosts, port: port, secret: Fixtures.secret, publicKeyHash: publicKeyHash)
        var configuration = WorkerService.Configuration(token: token, name: "test", cache: cache)
        configuration.shortestBackoff = .milliseconds(1)
        configuration.longestBackoff = .milliseconds(2)
        return WorkerService(
            configuration, logger: Fixtures.logger, makeEngine: makeEngine ?? { NullEngine(delay: delay) })
    }

    /// Runs a worker and `body` side by side until both are through.
    private static func run(
        delay: Duration = .zero, makeEngine: (@Sendable () throws -> any Engine)? = nil,
        _ body: @escaping @Sendable (FakeCoordinator) async throws -> Void
    ) async throws {
        try await Fixtures.withDirectory { cache in
            try await FakeCoordinator.run { coordinator in
                let service = try service(port: coordinator.port, cache: cache, delay: delay, makeEngine: makeEngine)
                async let worker: Void = service.run()
                try await body(coordinator)
                try await worker
            }
        }
    }

    /// Lets a worker that has nothing more to do go.
    private static func drain(_ connection: FakeConnection) async throws {
        try await connection.send(.drain(Drain(reason: "Done.")))
        #expect(try await connection.next() == .bye)
        try await connection.close()
    }

    @Test("renders what it is granted and delivers exactly that picture, with both texts")
    func delivery() async throws {
        try await Self.run { coordinator in
            let connection = try await coordinator.accept()
            let hello = try await connection.welcome()
            #expect(hello.secret == Fixtures.secret.base64URL)
            #expect(hello.device == "null")
            #expect(hello.leases == [])
            #expect(try await connection.next() == .claim(Claim()))
            let grant = try Fixtures.grant(1, cells: [1])
            try await connection.send(.grant(grant))
            // The next shard is asked for while this one is rendered.
            #expect(try await connection.next() == .claim(Claim()))
            try await connection.send(.idle(Idle(reason: "", retrySeconds: 60)))
            let offer = try await connection.takeOffer()
            #expect(offer.lease == grant.lease)
            let file = try await connection.takeImage(of: offer.bytes)
            try await connection.acknowledge(offer.cell)
            #expect(Spool.sha256(of: file) == offer.sha256)
            let granted = grant.cells[0]
            let decoded = try PNGImage.decode(file, maximumPixels: 24 * 16)
            #expect(decoded.image.pixels == NullEngine.picture(of: granted.key, width: 24, height: 16))
            #expect(decoded.texts.map(\.keyword) == ["parameters", "tmdne"])
            let metadata = try ImageMetadata(json: try #require(decoded.texts.last).text)
            #expect(metadata.key == granted.key)
            #expect(metadata.sweep == "test")
            #expect(metadata.axes.model == grant.model)
            try await Self.drain(connection)
        }
    }

    @Test("an upload cut in the middle is offered again after the reconnection, with the same bytes")
    func cutUpload() async throws {
        // Pixels that do not compress, so that the image takes many chunks.
        try await Self.run(makeEngine: { NoiseEngine() }) { coordinator in
            let first = try await coordinator.accept()
            try await first.welcome()
            #expect(try await first.next() == .claim(Claim()))
            let grant = try Fixtures.grant(1, cells: [1, 2])
            try await first.send(.grant(grant))
            #expect(try await first.next() == .claim(Claim()))
            let cut = try await first.takeOffer()
            #expect(cut.bytes > 2 * WireLimits.chunkBytes)
            _ = try await first.takeImage(of: WireLimits.chunkBytes)
            try await first.close()

            let second = try await coordinator.accept()
            #expect(try await second.welcome().leases == [grant.lease])
            var delivered: [Offer] = []
            while delivered.count < 2 {
                switch try await second.next() {
                case .offer(let offer):
                    try await second.send(.send(Send(cell: offer.cell)))
                    let file = try await second.takeImage(of: offer.bytes)
                    #expect(Spool.sha256(of: file) == offer.sha256)
                    try await second.acknowledge(offer.cell)
                    delivered.append(offer)
                case .claim: try await second.send(.idle(Idle(reason: "", retrySeconds: 60)))
                case let other:
                    Issue.record("unexpected: \(String(describing: other))")
                    return
                }
            }
            #expect(delivered.first == cut)
            #expect(Set(delivered.map(\.cell)) == Set(grant.cells.map(\.key)))
            try await Self.drain(second)
        }
    }

    @Test("an image that took impossibly long is delivered all the same")
    func impossibleTimings() async throws {
        try await Self.run(makeEngine: { NoiseEngine(seconds: [.nan, 1e9, -1]) }) { coordinator in
            let connection = try await coordinator.accept()
            try await connection.welcome()
            #expect(try await connection.next() == .claim(Claim()))
            try await connection.send(.grant(try Fixtures.grant(1, cells: [1])))
            #expect(try await connection.next() == .claim(Claim()))
            let offer = try await connection.takeOffer()
            #expect(offer.timings.encode == 0)
            #expect(offer.timings.denoise == WireLimits.seconds)
            #expect(offer.timings.decode == 0)
            _ = try await connection.takeImage(of: offer.bytes)
            try await connection.acknowledge(offer.cell)
            try await Self.drain(connection)
        }
    }

    @Test("an image that was not acknowledged is offered by the next start of the worker")
    func restart() async throws {
        try await Fixtures.withDirectory { cache in
            try await FakeCoordinator.run { coordinator in
                let killed = try Self.service(port: coordinator.port, cache: cache)
                let run = Task { try await killed.run() }
                let first = try await coordinator.accept()
                let identity = try await first.welcome().identity
                #expect(try await first.next() == .claim(Claim()))
                try await first.send(.grant(try Fixtures.grant(1, cells: [1])))
                #expect(try await first.next() == .claim(Claim()))
                let offer = try await first.takeOffer()
                run.cancel()
                try await run.value

                let restarted = try Self.service(port: coordinator.port, cache: cache)
                async let worker: Void = restarted.run()
                let second = try await coordinator.accept()
                let hello = try await second.welcome()
                #expect(hello.identity == identity)
                #expect(hello.leases == [offer.lease])
                var messages: [WorkerMessage] = []
                while messages.count < 2, let message = try await second.next() { messages.append(message) }
                #expect(messages.contains(.claim(Claim())))
                #expect(
                    messages.contains { if case .offer(let again) = $0 { again.sha256 == offer.sha256 } else { false } }
                )
                try await second.send(.idle(Idle(reason: "", retrySeconds: 60)))
                try await second.acknowledge(offer.cell, .duplicate)
                #expect(try await second.next() == .release(Release(lease: offer.lease)))
                try await Self.drain(second)
                try await worker
            }
        }
    }

    @Test(
        "frames that no worker knows end the connection, not the worker",
        arguments: [
            [0, 0, 0, 1, 0x7F], [0, 0, 0, 0], [0xFF, 0xFF, 0xFF, 0xFF], [0, 0, 0, 3, 0x83, 0x7B, 0x7D],
            [0, 0, 0, 2, 0x87, 0xFF],
        ] as [[UInt8]])
    func unknownFrames(bytes: [UInt8]) async throws {
        try await Self.run { coordinator in
            let first = try await coordinator.accept()
            try await first.welcome()
            #expect(try await first.next() == .claim(Claim()))
            try await first.send(bytes)
            #expect(try await first.next() == nil)
            let second = try await coordinator.accept()
            try await second.welcome()
            #expect(try await second.next() == .claim(Claim()))
            try await Self.drain(second)
        }
    }

    @Test("a refusal for good ends the worker with its reason")
    func refused() async throws {
        await #expect(throws: WorkerError.refused(reason: "Wrong secret.")) {
            try await Self.run { coordinator in
                let connection = try await coordinator.accept()
                _ = try await connection.next()
                try await connection.send(.refused(Refused(reason: "Wrong secret.", isFinal: true)))
                #expect(try await connection.next() == nil)
            }
        }
    }

    @Test("a refusal for now is followed by another attempt")
    func refusedForNow() async throws {
        try await Self.run { coordinator in
            let first = try await coordinator.accept()
            _ = try await first.next()
            try await first.send(.refused(Refused(reason: "Too many workers.", isFinal: false)))
            #expect(try await first.next() == nil)
            let second = try await coordinator.accept()
            try await second.welcome()
            #expect(try await second.next() == .claim(Claim()))
            try await Self.drain(second)
        }
    }

    @Test("beats go on while the engine is at work, with its progress")
    func beats() async throws {
        try await Self.run(delay: .seconds(2)) { coordinator in
            let connection = try await coordinator.accept()
            try await connection.welcome(heartbeatSeconds: 0.05)
            #expect(try await connection.next() == .claim(Claim()))
            let grant = try Fixtures.grant(1, cells: [1])
            try await connection.send(.grant(grant))
            var progress: Set<Int> = []
            while progress.count < 3 {
                guard let message = await connection.nextWithBeats() else { break }
                guard case .beat(let beat) = message, beat.lease == grant.lease, beat.steps > 0 else { continue }
                // On a busy machine this takes so long that a coordinator which answers no beat would count as gone.
                try await connection.send(.beatReply(BeatReply(lost: [])))
                #expect(beat.cell == grant.cells[0].key)
                #expect(beat.steps == 4)
                progress.insert(beat.step)
            }
            #expect(progress.count == 3)
            try await connection.send(.drain(Drain(reason: "Done.")))
            let offer = try await connection.takeOffer()
            _ = try await connection.takeImage(of: offer.bytes)
            try await connection.acknowledge(offer.cell)
            #expect(try await connection.next() == .bye)
            try await connection.close()
        }
    }

    @Test("a graceful shutdown delivers the image that is being rendered, gives the lease back and says bye")
    func gracefulShutdown() async throws {
        try await Fixtures.withDirectory { cache in
            try await FakeCoordinator.run { coordinator in
                let service = try Self.service(port: coordinator.port, cache: cache, delay: .milliseconds(100))
                let group = ServiceGroup(services: [service], logger: Fixtures.logger)
                async let running: Void = group.run()
                let connection = try await coordinator.accept()
                try await connection.welcome()
                #expect(try await connection.next() == .claim(Claim()))
                let grant = try Fixtures.grant(1, cells: 1...60)
                try await connection.send(.grant(grant))
                let first = try await connection.takeOffer()
                await group.triggerGracefulShutdown()
                _ = try await connection.takeImage(of: first.bytes)
                try await connection.acknowledge(first.cell)
                var delivered = 1
                var last: WorkerMessage?
                while let message = try await connection.next(), message != .bye {
                    last = message
                    guard case .offer(let offer) = message else { continue }
                    try await connection.send(.send(Send(cell: offer.cell)))
                    _ = try await connection.takeImage(of: offer.bytes)
                    try await connection.acknowledge(offer.cell)
                    delivered += 1
                }
                #expect(last == .release(Release(lease: grant.lease)))
                // One or two, and more on a machine that lets this test wait; all of them would take 6 s.
                #expect(delivered < 60)
                try await connection.close()
                try await running
            }
        }
    }

    @Test("an engine that can't be made ends the worker before it connects")
    func noEngine() async throws {
        struct NoDevice: Error, CustomStringConvertible { var description: String { "there is no GPU." } }
        try await Fixtures.withDirectory { cache in
            let service = try Self.service(port: 9, cache: cache, makeEngine: { throw NoDevice() })
            await #expect(throws: WorkerError.engineUnavailable(reason: "there is no GPU.")) { try await service.run() }
        }
    }

    @Test("a token without a key is used on this host alone, and the error says where to get another")
    func unencryptedToken() async throws {
        try await Fixtures.withDirectory { cache in
            for hosts in [["10.0.0.1"], ["127.0.0.1", "render.example.org"]] {
                let service = try Self.service(port: 9, cache: cache, hosts: hosts)
                let error = WorkerError.unencryptedToken(hosts: hosts.joined(separator: ", "))
                await #expect(throws: error) { try await service.run() }
                #expect("\(error)".contains("copy its new token"))
            }
        }
    }

    @Test("what happens can be watched")
    func events() async throws {
        try await Fixtures.withDirectory { cache in
            try await FakeCoordinator.run { coordinator in
                let service = try Self.service(port: coordinator.port, cache: cache)
                async let worker: Void = service.run()
                let connection = try await coordinator.accept()
                try await connection.welcome()
                #expect(try await connection.next() == .claim(Claim()))
                try await Self.drain(connection)
                try await worker
                var events: [WorkerEvent] = []
                for await event in service.events { events.append(event) }
                #expect(
                    events == [
                        .connecting(host: "127.0.0.1", port: coordinator.port), .joined(sweep: "test", name: "test"),
                        .ending(reason: "Done."),
                    ])
            }
        }
    }
}

/// Renders noise of 256 x 256 pixels, whatever is asked for.
private final class NoiseEngine: Engine {
    let device = "noise"
    let precision = "none"
    /// What it says of encoding, denoising and decoding.
    private let seconds: [Double]

    init(seconds: [Double] = [0, 0, 0]) {
        self.seconds = seconds
    }

    func prepare(model: String, for cell: GrantedCell) {}

    func render(
        _ cells: [GrantedCell], progress: (EngineProgress) -> Bool, emit: (RenderedCell) throws -> Void
    ) throws {
        for (number, granted) in cells.enumerated() {
            guard
                progress(
                    EngineProgress(
                        cell: granted.key, group: number, isLastGroup: number == cells.count - 1, step: 1, steps: 1))
            else { return }
            var state = UInt32(number + 1)
            let pixels = (0..<256 * 256 * 3).map { _ in
                state = state &* 1_664_525 &+ 1_013_904_223
                return UInt8(state >> 24)
            }
            try emit(
                RenderedCell(
                    cell: granted.key, width: 256, height: 256, pixels: pixels, encode: seconds[0], denoise: seconds[1],
                    decode: seconds[2]))
        }
    }
}
