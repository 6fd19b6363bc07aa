import ChaosProxy
import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import SharedModel
import Testing

@testable import Coordinator
@testable import Worker

@Suite("Encrypted connections", .timeLimit(.minutes(2)))
struct EncryptionTests {
    @Test("a worker joins by its token alone and delivers a sweep; nothing on the wire can be read")
    func wholeSweep() async throws {
        try await WireFixture.withDirectory { folder in
            try await WireFixture.serve(in: folder) { server in
                try await ChaosProxy.run(to: server.boundPort, faults: { _ in .init() }) { proxy in
                    let token = try WireFixture.token(server.joinToken, port: proxy.port)
                    try await WireFixture.worker(token, in: folder).run()
                    #expect(proxy.connections == 1)
                    let traffic = String(decoding: proxy.recorded, as: UTF8.self)
                    #expect(!traffic.contains(token.secret.base64URL) && !traffic.contains("secret"))
                    #expect(proxy.recorded.count > 1000)
                }
            }
            try WireFixture.expectWhole(folder, cells: 4)
        }
    }

    @Test("who shows another key is told nothing, and the worker ends")
    func wrongKey() async throws {
        try await WireFixture.withDirectory { folder in
            try await WireFixture.serve(in: folder) { server in
                let token = try WireFixture.token(server.joinToken, key: Array(repeating: 1, count: 32))
                let error = WorkerError.wrongKey(address: "127.0.0.1:\(server.boundPort)")
                await #expect(throws: error) { try await WireFixture.worker(token, in: folder).run() }
                await #expect(throws: error) { try await StatusInquiry(token).report() }
                #expect(try await server.status().workers.isEmpty)
            }
        }
    }

    @Test("a man in the middle with a key of his own hears no secret, in either direction")
    func manInTheMiddle() async throws {
        try await WireFixture.withDirectory { folder in
            // He speaks the protocol, has a certificate that is as good as ours, and knows the secret already.
            try await WireFixture.serve(in: "\(folder)/his") { his in
                try await WireFixture.serve(in: folder) { server in
                    // Without its pin the worker would render his sweep to the end.
                    let token = try WireFixture.token(
                        server.joinToken, port: his.boundPort, secret: his.joinToken.secret)
                    await #expect(throws: WorkerError.wrongKey(address: "127.0.0.1:\(his.boundPort)")) {
                        try await WireFixture.worker(token, in: folder).run()
                    }
                    #expect(try await his.status().workers.isEmpty)
                    #expect(try SweepReader(WireFixture.directory("\(folder)/his")).admissions().isEmpty)
                }
            }
        }
    }

    @Test("the key is kept over restarts, in a file for its owner alone, and who may read it is told to chmod")
    func keyFile() async throws {
        try await WireFixture.withDirectory { folder in
            let directory = WireFixture.directory(folder)
            let first = try await WireFixture.serve(in: folder) { $0.joinToken }
            let second = try await WireFixture.serve(in: folder) { $0.joinToken }
            #expect(first.publicKeyHash != nil && first.publicKeyHash == second.publicKeyHash)
            #expect(first.secret == second.secret)
            let path = directory.tls.path
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
            await #expect(throws: CoordinatorError.exposedSecret(path: path)) {
                try await WireFixture.serve(in: folder) { _ in }
            }
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            for damage in ["", "nonsense", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
                try Data(damage.utf8).write(to: directory.tls)
                try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
                await #expect(throws: CoordinatorError.badSecret(path: path)) {
                    try await WireFixture.serve(in: folder) { _ in }
                }
            }
        }
    }

    @Test("nothing but this host is listened on without encryption")
    func unencrypted() async throws {
        try await WireFixture.withDirectory { folder in
            var settings = WireFixture.settings()
            settings.isEncrypted = false
            for host in ["0.0.0.0", "::", "127.example.org", "10.0.0.1"] {
                await #expect(throws: CoordinatorError.unencrypted(address: host)) {
                    _ = try await CoordinatorServer.start(
                        in: WireFixture.directory(folder), plan: WireFixture.plan(), host: host, port: 0,
                        settings: settings, logger: WireFixture.logger)
                }
            }
            try await WireFixture.serve(in: folder, settings: settings) { server in
                #expect(server.joinToken.publicKeyHash == nil)
                try await WireFixture.worker(server.joinToken, in: folder).run()
            }
            try WireFixture.expectWhole(folder, cells: 4)
        }
    }

    @Test("an older TLS is refused, and so is somebody without any")
    func downgrade() async throws {
        try await WireFixture.withDirectory { folder in
            try await WireFixture.serve(in: folder) { server in
                let token = try WireFixture.token(server.joinToken, key: .some(nil))
                // Its hello travels in the clear, over the loopback: it is no TLS, and nobody answers it.
                await #expect(throws: WorkerError.self) { try await StatusInquiry(token).report() }
                #expect(try await server.status().workers.isEmpty)
                #expect(await Self.shakesHands(with: server.boundPort, version: .tlsv13))
                #expect(await !Self.shakesHands(with: server.boundPort, version: .tlsv12))
            }
        }
    }

    /// Whether somebody who knows no later version of TLS gets through the handshake.
    private static func shakesHands(with port: Int, version: TLSVersion) async -> Bool {
        let group = MultiThreadedEventLoopGroup.singleton.next()
        let outcome = group.makePromise(of: Bool.self)
        let channel = try? await ClientBootstrap(group: group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    var configuration = TLSConfiguration.makeClientConfiguration()
                    configuration.certificateVerification = .none
                    configuration.maximumTLSVersion = version
                    let context = try NIOSSLContext(configuration: configuration)
                    try channel.pipeline.syncOperations.addHandlers(
                        NIOSSLClientHandler(context: context, serverHostname: nil), HandshakeObserver(outcome: outcome))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        guard let channel else {
            outcome.succeed(false)
            return false
        }
        let isThrough = try? await outcome.futureResult.get()
        channel.close(promise: nil)
        return isThrough ?? false
    }

    @Test("how the sweep stands can be asked over the network, with the token alone")
    func status() async throws {
        try await WireFixture.withDirectory { folder in
            try await WireFixture.serve(in: folder) { server in
                let status = try await StatusInquiry(server.joinToken).report()
                #expect(status.cells == 4 && status.pending == 4 && status.state == .running)
                let wrong = try WireFixture.token(server.joinToken, secret: JoinSecret())
                await #expect(throws: WorkerError.self) { try await StatusInquiry(wrong).report() }
            }
            let nobody = try JoinToken(hosts: ["127.0.0.1"], port: 1, secret: JoinSecret())
            await #expect(throws: WorkerError.self) { try await StatusInquiry(nobody).report() }
        }
    }
}

/// Tells whether a handshake came to its end before the connection did.
private final class HandshakeObserver: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let outcome: EventLoopPromise<Bool>

    init(outcome: EventLoopPromise<Bool>) { self.outcome = outcome }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent { outcome.succeed(true) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        outcome.succeed(false)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { outcome.succeed(false) }
}
