import NIOCore
import NIOPosix
import SharedModel
import Testing

/// A coordinator that does nothing by itself: the test reads what the worker says and answers frame by frame.
struct FakeCoordinator: Sendable {
    let port: Int
    private let connections: AsyncStream<FakeConnection>

    /// Runs `body` with a coordinator on a free port of this host.
    static func run(_ body: (FakeCoordinator) async throws -> Void) async throws {
        let (connections, continuation) = AsyncStream<FakeConnection>.makeStream()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let connection = FakeConnection(channel)
                    try channel.pipeline.syncOperations.addHandlers(
                        ByteToMessageHandler(FrameDecoder<WorkerMessage>(limit: .authenticated())),
                        FakeInbox(connection: connection))
                    continuation.yield(connection)
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        do {
            try await body(
                FakeCoordinator(port: try #require(channel.localAddress?.port), connections: connections))
        } catch {
            try await channel.close()
            throw error
        }
        try await channel.close()
    }

    /// The next connection of a worker.
    func accept() async throws -> FakeConnection {
        var iterator = connections.makeAsyncIterator()
        return try #require(await iterator.next())
    }
}

/// One connection of a worker.
final class FakeConnection: Sendable {
    private let channel: any Channel
    private let messages: AsyncStream<WorkerMessage>
    fileprivate let continuation: AsyncStream<WorkerMessage>.Continuation

    init(_ channel: any Channel) {
        self.channel = channel
        (messages, continuation) = AsyncStream.makeStream()
    }

    /// The next message that is not a beat; `nil` when the worker has closed the connection. Beats are answered.
    func next() async throws -> WorkerMessage? {
        for await message in messages {
            guard case .beat = message else { return message }
            try await send(.beatReply(BeatReply(lost: [])))
        }
        return nil
    }

    /// The next message, beats included and not answered.
    func nextWithBeats() async -> WorkerMessage? {
        var iterator = messages.makeAsyncIterator()
        return await iterator.next()
    }

    func send(_ message: CoordinatorMessage) async throws {
        var buffer = ByteBuffer()
        try buffer.writeFrame(message)
        try await channel.writeAndFlush(buffer)
    }

    /// Sends bytes as they are.
    func send(_ bytes: [UInt8]) async throws {
        try await channel.writeAndFlush(ByteBuffer(bytes: bytes))
    }

    func close() async throws {
        try await channel.close()
    }

    /// Takes the hello and lets the worker in.
    ///
    /// - Returns: The hello.
    @discardableResult
    func welcome(keeping leases: [LeaseID]? = nil, heartbeatSeconds: Double = 5) async throws -> Hello {
        guard case .hello(let hello) = try await next() else { throw ChannelError.inappropriateOperationForState }
        try await send(
            .welcome(
                Welcome(
                    version: WireLimits.protocolVersion, program: "fake", sweep: "test", name: hello.name,
                    heartbeatSeconds: heartbeatSeconds, leases: leases ?? hello.leases)))
        return hello
    }

    /// Takes an offer and asks for the image.
    ///
    /// - Returns: The offer.
    func takeOffer() async throws -> Offer {
        guard case .offer(let offer) = try await next() else { throw ChannelError.inappropriateOperationForState }
        try await send(.send(Send(cell: offer.cell)))
        return offer
    }

    /// Takes the chunks of an image.
    func takeImage(of bytes: Int) async throws -> [UInt8] {
        var image: [UInt8] = []
        while image.count < bytes {
            guard case .chunk(let chunk) = try await next() else { throw ChannelError.inappropriateOperationForState }
            image += chunk
        }
        return image
    }

    func acknowledge(_ cell: CellKey, _ outcome: Ack.Outcome = .stored) async throws {
        try await send(.ack(Ack(cell: cell, outcome: outcome, reason: "")))
    }
}

private final class FakeInbox: ChannelInboundHandler {
    typealias InboundIn = WorkerMessage

    private let connection: FakeConnection

    init(connection: FakeConnection) {
        self.connection = connection
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        connection.continuation.yield(unwrapInboundIn(data))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        connection.continuation.finish()
        context.fireChannelInactive()
    }
}
