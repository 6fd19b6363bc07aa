import NIOCore
import SharedModel
import Synchronization

/// One worker's socket as its task sees it: events in, messages out.
final class WorkerConnection: WorkerLine {
    typealias Instant = ContinuousClock.Instant

    private static let lingerTimeout = TimeAmount.seconds(2)

    let id: LeaseBook.ConnectionID
    let address: String
    let events: AsyncThrowingStream<ConnectionEvent, any Error>
    private let continuation: AsyncThrowingStream<ConnectionEvent, any Error>.Continuation
    private let channel: any Channel
    private let answerDeadline: TimeAmount
    private let handler: NIOLoopBound<FrameHandler>
    private let limit = FrameLimit.unauthenticated()
    private let state: Mutex<Vitals>

    /// Takes over a channel that was just accepted. On its event loop.
    init(_ channel: any Channel, id: LeaseBook.ConnectionID, deadlines: FrameHandler.Deadlines) throws {
        self.id = id
        self.channel = channel
        answerDeadline = deadlines.answer
        address = channel.remoteAddress?.description ?? "unknown"
        (events, continuation) = AsyncThrowingStream.makeStream()
        let handler = FrameHandler(limit: limit, deadlines: deadlines, events: continuation)
        self.handler = NIOLoopBound(handler, eventLoop: channel.eventLoop)
        state = Mutex(Vitals(heardAt: .now))
        try channel.pipeline.syncOperations.addHandler(handler)
    }

    var vitals: Vitals {
        state.withLock(\.self)
    }

    /// A message is being dealt with; meanwhile its sender does not count as silent.
    func beginWork(for message: WorkerMessage) {
        state.withLock { vitals in
            vitals.heardAt = .now
            vitals.isBusy = true
            switch message {
            // Who fetches a model can't render yet, however long that takes.
            case .offer, .chunk, .want, .fetch: vitals.uploadedAt = .now
            case .hello, .claim, .beat, .fail, .release, .bye, .inquire, .preview: break
            }
        }
    }

    /// The message has been dealt with; the next may be read.
    func endWork() {
        state.withLock { vitals in
            vitals.heardAt = .now
            vitals.isBusy = false
        }
        onLoop { $0.taken() }
    }

    /// Sends one message and returns when the socket has taken it; a worker that reads nothing is cut off.
    func send(_ message: CoordinatorMessage) async throws {
        var buffer = channel.allocator.buffer(capacity: 512)
        try buffer.writeFrame(message)
        let timeout = channel.eventLoop.scheduleTask(in: answerDeadline) { [channel] in channel.close(promise: nil) }
        defer { timeout.cancel() }
        try await channel.writeAndFlush(buffer).get()
    }

    /// The worker has shown the secret: it may send long frames and take its time between them.
    func admit() {
        limit.raise()
        onLoop { $0.admitted() }
    }

    /// Tells the connection's task something between the worker's messages.
    func notify(_ event: ConnectionEvent) {
        continuation.yield(event)
    }

    /// Cuts the connection.
    func cut() {
        channel.close(promise: nil)
    }

    /// Closes after our last words: the worker has two seconds to read them and to close its side.
    func close() async {
        onLoop { $0.discardRest() }
        let timeout = channel.eventLoop.scheduleTask(in: Self.lingerTimeout) { [channel] in
            channel.close(promise: nil)
        }
        // Both fail only when the channel is closed already.
        try? await channel.close(mode: .output).get()
        try? await channel.closeFuture.get()
        timeout.cancel()
    }

    private func onLoop(_ body: @escaping @Sendable (FrameHandler) -> Void) {
        channel.eventLoop.execute { [handler] in body(handler.value) }
    }
}
