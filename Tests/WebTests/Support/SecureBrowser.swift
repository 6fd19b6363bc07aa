import Foundation
import NIOCore
import NIOPosix
import NIOSSL

@testable import Coordinator

/// A browser that trusts the certificate of a directory alone, as a person does who has compared its fingerprint.
struct SecureBrowser: Sendable {
    struct Answer {
        /// 0 if the server closed without an answer.
        let status: Int
        /// Lines of the head, the first one left out.
        let headers: [String]
        let body: String
    }

    let port: Int
    /// `nil` speaks HTTP without encryption.
    private let context: NIOSSLContext?
    private let certificates: [NIOSSLCertificate]

    init(port: Int, trusting directory: SweepDirectory?) throws {
        self.port = port
        certificates = try directory.map { try NIOSSLCertificate.fromPEMFile($0.webIdentity.path) } ?? []
        context = try directory.map { _ in
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.minimumTLSVersion = .tlsv13
            return try NIOSSLContext(configuration: configuration)
        }
    }

    /// The answer when it has ended; `onBeginning` is called when its first bytes are there.
    func get(
        _ path: String, cookie: String = "", onBeginning: @Sendable () -> Void = {}
    ) async throws -> Answer {
        try await send(
            "GET /\(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nCookie: \(cookie)\r\nConnection: close\r\n\r\n",
            onBeginning: onBeginning)
    }

    func post(_ path: String, _ body: String) async throws -> Answer {
        try await send(
            "POST /\(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nOrigin: https://127.0.0.1:\(port)\r\n"
                + "Content-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n\(body)")
    }

    private func send(_ request: String, onBeginning: @Sendable () -> Void = {}) async throws -> Answer {
        let (context, certificates) = (context, certificates)
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let context {
                        let handler = try NIOSSLClientHandler(context: context, serverHostname: nil) { shown, verdict in
                            verdict.succeed(shown == certificates ? .certificateVerified : .failed)
                        }
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                    return try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        var text = ""
        do {
            try await channel.executeThenClose { inbound, outbound in
                try await outbound.write(ByteBuffer(string: request))
                for try await part in inbound {
                    if text.isEmpty { onBeginning() }
                    text += String(buffer: part)
                }
            }
        } catch let error as ChannelError {
            // The server closes after its answer, perhaps before this side does.
            guard error == .ioOnClosedChannel || error == .alreadyClosed else { throw error }
        }
        let lines = text.components(separatedBy: "\r\n")
        let end = lines.firstIndex(of: "") ?? lines.endIndex
        return Answer(
            status: lines.first?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0,
            headers: Array(lines[..<end].dropFirst()), body: lines[end...].joined(separator: "\r\n"))
    }
}
