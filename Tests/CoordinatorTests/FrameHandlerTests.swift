import NIOCore
import NIOEmbedded
import SharedModel
import Testing

@testable import Coordinator

@Suite("A connection's bytes and deadlines")
struct FrameHandlerTests {
    private let channel = EmbeddedChannel()

    @Test("an offer and a chunk are signs of progress, a beat is not")
    func progress() throws {
        let connection = try WorkerConnection(EmbeddedChannel(), id: 1, deadlines: FrameHandler.Deadlines())
        connection.beginWork(for: .beat(Beat(lease: nil, cell: nil, step: 0, steps: 0)))
        #expect(connection.vitals.uploadedAt == nil)
        let cell = try Fixtures.key(of: Fixtures.cell(prompt: "p", guidance: 1))
        connection.beginWork(for: .offer(Fixtures.offer(cell, under: try Fixtures.lease(1))))
        #expect(connection.vitals.uploadedAt != nil)
    }

    private let limit = FrameLimit.unauthenticated()
    private let handler: FrameHandler
    private let events: AsyncThrowingStream<ConnectionEvent, any Error>

    init() throws {
        let (events, continuation) = AsyncThrowingStream<ConnectionEvent, any Error>.makeStream()
        self.events = events
        handler = FrameHandler(limit: limit, deadlines: FrameHandler.Deadlines(), events: continuation)
        try channel.pipeline.syncOperations.addHandler(handler)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    }

    private func frame(_ message: WorkerMessage) throws -> ByteBuffer {
        var buffer = ByteBuffer()
        try buffer.writeFrame(message)
        return buffer
    }

    /// What the stream held when the connection had ended.
    private func ended() async -> (messages: [WorkerMessage], error: String?) {
        var messages: [WorkerMessage] = []
        do {
            for try await event in events {
                if case .message(let message) = event { messages.append(message) }
            }
            return (messages, nil)
        } catch {
            return (messages, "\(error)")
        }
    }

    @Test("ten seconds without the secret end a connection, also one that sends other frames")
    func authentication() async throws {
        try channel.writeInbound(frame(.claim(Claim())))
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(9_999))
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
        #expect(!channel.isActive)
        let ended = await ended()
        #expect(ended.messages == [.claim(Claim())])
        #expect(ended.error?.contains("too long to show the join token") == true)
    }

    @Test("an admitted worker may stay silent for as long as its leases allow")
    func admitted() throws {
        handler.admitted()
        channel.embeddedEventLoop.advanceTime(by: .hours(1))
        #expect(channel.isActive)
    }

    @Test("a frame that is begun must be complete within twenty seconds, however it drips")
    func slowFrame() async throws {
        handler.admitted()
        let bytes = Array(try frame(.claim(Claim())).readableBytesView)
        for byte in bytes.dropLast() {
            try channel.writeInbound(ByteBuffer(bytes: [byte]))
            channel.embeddedEventLoop.advanceTime(by: .seconds(4))
        }
        #expect(!channel.isActive)
        #expect(await ended().error?.contains("too long over a frame") == true)
    }

    @Test("a complete frame starts the time of the next anew")
    func frameByFrame() throws {
        handler.admitted()
        let bytes = try frame(.claim(Claim()))
        let half = try #require(bytes.getSlice(at: 0, length: 3))
        let rest = try #require(bytes.getSlice(at: 3, length: bytes.readableBytes - 3))
        for _ in 0..<20 {
            try channel.writeInbound(half)
            channel.embeddedEventLoop.advanceTime(by: .seconds(15))
            try channel.writeInbound(rest)
            handler.taken()
        }
        #expect(channel.isActive)
    }

    @Test("a worker is not blamed for a frame that we do not read")
    func weAreSlow() throws {
        handler.admitted()
        var bytes = try frame(.claim(Claim()))
        bytes.writeBytes([0, 0])
        try channel.writeInbound(bytes)
        channel.embeddedEventLoop.advanceTime(by: .seconds(100))
        #expect(channel.isActive)
        handler.taken()
        channel.embeddedEventLoop.advanceTime(by: .seconds(20))
        #expect(!channel.isActive)
    }

    @Test("a frame longer than a stranger's may be ends the connection at its header")
    func longFrame() async throws {
        try channel.writeInbound(ByteBuffer(integer: UInt32(1025)))
        #expect(await ended().error == "\(WireError.frameTooLong(length: 1025, limit: 1024))")
    }

    @Test("what comes after a frame that broke the rules is thrown away, not kept until the door is shut")
    func afterTheEnd() throws {
        try channel.writeInbound(ByteBuffer(integer: UInt32(1025)))
        let before = handler.keptBytes
        try channel.writeInbound(ByteBuffer(repeating: 0, count: 1 << 20))
        #expect(handler.keptBytes == before)
    }

    @Test("a connection that ends inside a frame says so")
    func truncated() async throws {
        try channel.writeInbound(ByteBuffer(bytes: [0, 0, 0, 9, 1]))
        _ = try? channel.finish()
        #expect(await ended().error == "\(WireError.truncated(missing: 8))")
    }

    @Test("nothing is read while a message waits to be taken")
    func backpressure() throws {
        let loop = EmbeddedEventLoop()
        let reads = ReadCounter()
        let channel = EmbeddedChannel(handler: reads, loop: loop)
        let (_, continuation) = AsyncThrowingStream<ConnectionEvent, any Error>.makeStream()
        let handler = FrameHandler(limit: limit, deadlines: FrameHandler.Deadlines(), events: continuation)
        try channel.pipeline.syncOperations.addHandler(handler)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        #expect(reads.count == 1)
        try channel.writeInbound(frame(.claim(Claim())))
        #expect(reads.count == 1)
        handler.taken()
        #expect(reads.count == 2)
        _ = try? channel.finish()
    }
}

/// Counts how often the handlers after it ask for bytes.
private final class ReadCounter: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer

    private(set) var count = 0

    func read(context: ChannelHandlerContext) {
        count += 1
        context.read()
    }
}
