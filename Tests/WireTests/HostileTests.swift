import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import SharedModel
import Synchronization
import TestSupport
import Testing

@testable import Coordinator
@testable import Worker

/// Peers that mean harm: the coordinator stays up, bounded, and there for honest workers.
@Suite("Hostile peers", .timeLimit(.minutes(Soak.size(2, soak: 20))), .serialized)
struct HostileTests {
    /// A bare socket that may talk TLS without caring whom to.
    private func connect(
        to port: Int, encrypted: Bool = false, from address: String = "127.0.0.1"
    ) async throws -> any Channel {
        try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(to: SocketAddress(ipAddress: address, port: 0))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard encrypted else { return }
                    var configuration = TLSConfiguration.makeClientConfiguration()
                    configuration.certificateVerification = .none
                    let context = try NIOSSLContext(configuration: configuration)
                    try channel.pipeline.syncOperations.addHandler(
                        NIOSSLClientHandler(context: context, serverHostname: nil))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
    }

    private func hello(_ server: CoordinatorServer, identity: Character = "e") -> Hello {
        Hello(
            version: WireLimits.protocolVersion, secret: server.joinToken.secret.base64URL, name: "eve",
            identity: String(repeating: identity, count: 32), device: "cpu", program: "test", leases: [])
    }

    /// Renders the sweep with an honest worker.
    private func expectService(_ server: CoordinatorServer, in folder: String) async throws {
        try await WireFixture.worker(server.joinToken, in: folder).run()
        try WireFixture.expectWhole(folder, cells: 4)
    }

    @Test("a flood of silent sockets keeps no worker out")
    func slowloris() async throws {
        try await WireFixture.withDirectory { folder in
            var settings = WireFixture.settings()
            settings.strangers = 16
            settings.strangerPatience = .milliseconds(200)
            try await WireFixture.serve(in: folder, settings: settings) { server in
                // Some say nothing, some a byte of what may become a handshake, some finish it and then fall silent.
                var sockets: [any Channel] = []
                for number in 0..<Soak.size(120, soak: 1000) {
                    let socket = try await connect(to: server.boundPort, encrypted: number % 3 == 2)
                    if number % 3 == 1 { socket.writeAndFlush(ByteBuffer(bytes: [0x16]), promise: nil) }
                    sockets.append(socket)
                }
                try await expectService(server, in: folder)
                for socket in sockets { socket.close(promise: nil) }
                Soak.record(
                    "silent and slow sockets", injectedBy: "sockets", runs: sockets.count, "a worker gets in, whole")
            }
        }
    }

    @Test("sockets that come again as soon as they are cut keep nobody from another network out")
    func returningStrangers() async throws {
        try await WireFixture.withDirectory { folder in
            var settings = WireFixture.settings()
            settings.strangers = 16
            // They never leave by themselves.
            settings.strangerPatience = .seconds(3600)
            settings.deadlines.authentication = .seconds(3600)
            try await WireFixture.serve(in: folder, settings: settings) { server in
                try await withThrowingTaskGroup { group in
                    for _ in 0..<Soak.size(48, soak: 200) {
                        group.addTask {
                            while !Task.isCancelled {
                                let socket = try await connect(to: server.boundPort, from: "127.0.0.2")
                                socket.writeAndFlush(ByteBuffer(bytes: [0x16]), promise: nil)
                                try await withTaskCancellationHandler {
                                    try await socket.closeFuture.get()
                                } onCancel: {
                                    socket.close(promise: nil)
                                }
                            }
                        }
                    }
                    try await Task.sleep(for: .milliseconds(500))
                    try await expectService(server, in: folder)
                    group.cancelAll()
                    while (try? await group.next()) != nil {}
                }
                Soak.record(
                    "sockets that come again", injectedBy: "sockets", runs: Soak.size(48, soak: 200),
                    "a worker from elsewhere gets in, whole")
            }
        }
    }

    @Test("a worker that floods and never reads takes nobody's place")
    func flood() async throws {
        try await WireFixture.withDirectory { folder in
            var settings = WireFixture.settings()
            settings.isEncrypted = false
            settings.deadlines.answer = .seconds(1)
            try await WireFixture.serve(in: folder, settings: settings) { server in
                let flooder = try await connect(to: server.boundPort)
                try await flooder.setOption(.autoRead, value: false).get()
                try await flooder.setOption(.socketOption(.so_rcvbuf), value: 4096).get()
                var bytes = ByteBuffer()
                try bytes.writeFrame(WorkerMessage.hello(hello(server)))
                // Each is answered, which costs little: the answers must fill the buffers of both ends.
                var generator = SplitMix(state: 1)
                var beat = ByteBuffer()
                let lease = LeaseID(using: &generator)
                try beat.writeFrame(WorkerMessage.beat(Beat(lease: lease, cell: nil, step: 0, steps: 0)))
                for _ in 0..<200_000 { bytes.writeImmutableBuffer(beat) }
                flooder.writeAndFlush(bytes, promise: nil)
                // An answer that is not taken in time ends the connection.
                while try await server.status().workers.first?.state != .away {
                    try await Task.sleep(for: .milliseconds(20))
                }
                try await expectService(server, in: folder)
                flooder.close(promise: nil)
            }
        }
    }

    @Test("random frames and random bytes, before the hello and after it, end their connection and nothing else")
    func randomFrames() async throws {
        try await WireFixture.withDirectory { folder in
            var settings = WireFixture.settings()
            settings.isEncrypted = false
            settings.strangers = 1024
            try await WireFixture.serve(in: folder, settings: settings) { server in
                let seed = Soak.seed(of: "random frames")
                var generator = SplitMix(state: seed)
                let connections = Soak.runs(200, soak: 20_000)
                for number in 0..<connections {
                    let socket = try await connect(to: server.boundPort)
                    var bytes = ByteBuffer()
                    if number % 2 == 1 { try bytes.writeFrame(WorkerMessage.hello(hello(server))) }
                    for _ in 0..<50 {
                        let payload = (0..<Int.random(in: 0...200, using: &generator)).map { _ in
                            UInt8.random(in: .min ... .max, using: &generator)
                        }
                        bytes.writeInteger(UInt32(payload.count + 1))
                        bytes.writeInteger(UInt8.random(in: 0...0x0c, using: &generator))
                        bytes.writeBytes(payload)
                    }
                    socket.writeAndFlush(bytes, promise: nil)
                    // Some wait for the end, some leave at once.
                    if number % 4 < 2 { try await socket.closeFuture.get() } else { socket.close(promise: nil) }
                }
                try await expectService(server, in: folder)
                Soak.record(
                    "random frames", injectedBy: "sockets", runs: connections, seed: seed,
                    "the coordinator serves on")
            }
        }
    }

    @Test(
        "what was recorded on an encrypted connection is worth nothing on another; without encryption it is answered",
        arguments: [true, false])
    func replay(isEncrypted: Bool) async throws {
        try await WireFixture.withDirectory { folder in
            var settings = WireFixture.settings()
            settings.isEncrypted = isEncrypted
            try await WireFixture.serve(in: folder, settings: settings) { server in
                let recorded = try await ChaosRecording.ofStatus(server)
                #expect(recorded.count > 50)
                let heard = Heard()
                let replayed = try await connect(to: server.boundPort)
                try await replayed.pipeline.addHandler(heard).get()
                try await replayed.writeAndFlush(ByteBuffer(bytes: recorded))
                try await replayed.closeFuture.get()
                #expect(heard.text.contains("\"pending\":4") == !isEncrypted, "\(heard.text)")
                try await expectService(server, in: folder)
            }
        }
    }
}

/// Remembers everything that comes.
private final class Heard: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    private let bytes = Mutex(ByteBuffer())

    var text: String { bytes.withLock { String(decoding: $0.readableBytesView, as: UTF8.self) } }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        bytes.withLock { _ = $0.writeImmutableBuffer(unwrapInboundIn(data)) }
    }
}
