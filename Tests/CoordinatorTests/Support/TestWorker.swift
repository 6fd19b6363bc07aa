import NIOCore
import NIOPosix
import SharedModel
import Testing

/// A worker as a test needs it: a bare TCP client that says what it is told to say.
final class TestWorker: Sendable {
    private let channel: any Channel
    private let inbox: AsyncThrowingStream<CoordinatorMessage, any Error>

    init(port: Int) async throws {
        let (inbox, continuation) = AsyncThrowingStream<CoordinatorMessage, any Error>.makeStream()
        self.inbox = inbox
        channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        ByteToMessageHandler(FrameDecoder<CoordinatorMessage>(limit: .authenticated())))
                    try channel.pipeline.syncOperations.addHandler(Inbox(continuation))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
    }

    func send(_ messages: WorkerMessage...) async throws {
        var buffer = ByteBuffer()
        for message in messages { try buffer.writeFrame(message) }
        try await send(bytes: buffer)
    }

    func send(bytes: ByteBuffer) async throws {
        try await channel.writeAndFlush(bytes)
    }

    /// The next message, or `nil` when the coordinator has closed the connection.
    func next() async throws -> CoordinatorMessage? {
        for try await message in inbox { return message }
        return nil
    }

    func join(_ hello: Hello) async throws -> Welcome {
        try await send(.hello(hello))
        guard case .welcome(let welcome)? = try await next() else { throw Unexpected() }
        return welcome
    }

    func claim() async throws -> Grant {
        try await send(.claim(Claim()))
        guard case .grant(let grant)? = try await next() else { throw Unexpected() }
        return grant
    }

    /// Offers an image and, if it is asked for, uploads it in chunks.
    func deliver(_ offer: Offer, image: [UInt8], chunk: Int = 64) async throws -> Ack {
        try await send(.offer(offer))
        var answer = try await next()
        if answer == .send(Send(cell: offer.cell)) {
            for start in stride(from: 0, to: image.count, by: chunk) {
                try await send(.chunk(Array(image[start..<min(start + chunk, image.count)])))
            }
            answer = try await next()
        }
        guard case .ack(let ack)? = answer else { throw Unexpected() }
        return ack
    }

    func close() async throws {
        try await channel.close()
    }

    struct Unexpected: Error {}
}

private final class Inbox: ChannelInboundHandler {
    typealias InboundIn = CoordinatorMessage

    private let continuation: AsyncThrowingStream<CoordinatorMessage, any Error>.Continuation

    init(_ continuation: AsyncThrowingStream<CoordinatorMessage, any Error>.Continuation) {
        self.continuation = continuation
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        continuation.yield(unwrapInboundIn(data))
    }

    func channelInactive(context: ChannelHandlerContext) {
        continuation.finish()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        continuation.finish()
        context.close(promise: nil)
    }
}
