import NIOCore
import SharedModel

/// What reaches the task that serves a connection.
enum ConnectionEvent: Equatable, Sendable {
    case message(WorkerMessage)
    /// The worker must be told that nothing more will be granted.
    case drain(String)
    /// The connection must end as soon as the upload that is under way has been answered.
    case shutDown
}

/// Cuts a worker's bytes into messages, at the pace at which they are taken, and holds it to its deadlines.
///
/// Nothing is read from the socket while a message waits to be taken, so that a worker can't make the coordinator hold
/// more than one read.
final class FrameHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// How long a worker may take; the defaults are those of a real sweep.
    struct Deadlines: Sendable {
        /// From the accepted connection to the secret.
        var authentication = TimeAmount.seconds(10)
        /// From a frame's first byte to its last.
        var frame = TimeAmount.seconds(20)
        /// Until the socket has taken an answer: who never reads is cut off.
        var answer = TimeAmount.seconds(30)
    }

    private let deadlines: Deadlines
    private let events: AsyncThrowingStream<ConnectionEvent, any Error>.Continuation
    private let processor: NIOSingleStepByteToMessageProcessor<FrameDecoder<WorkerMessage>>
    private var context: ChannelHandlerContext?
    private var untaken = 0
    private var isReading = false
    private var isDiscarding = false
    private var authentication: Scheduled<Void>?
    private var frame: Scheduled<Void>?

    init(
        limit: FrameLimit, deadlines: Deadlines, events: AsyncThrowingStream<ConnectionEvent, any Error>.Continuation
    ) {
        self.deadlines = deadlines
        self.events = events
        processor = NIOSingleStepByteToMessageProcessor(FrameDecoder(limit: limit))
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { begin(context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        end(with: nil)
    }

    func channelActive(context: ChannelHandlerContext) {
        begin(context)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isDiscarding else { return }
        do {
            var completed = false
            try processor.process(buffer: unwrapInboundIn(data)) { message in
                completed = true
                untaken += 1
                events.yield(.message(message))
            }
            watchFrame(context, restart: completed)
        } catch {
            // Nobody asks for more, and the peer may go on sending for as long as its refusal takes.
            isDiscarding = true
            end(with: error)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        readIfIdle(context)
        context.fireChannelReadComplete()
    }

    func channelInactive(context: ChannelHandlerContext) {
        do {
            if !isDiscarding { try processor.finishProcessing(seenEOF: true) { events.yield(.message($0)) } }
            end(with: nil)
        } catch {
            end(with: error)
        }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(with: error)
        context.close(promise: nil)
    }

    /// Bytes that have come and are no whole frame yet. On the event loop.
    var keptBytes: Int { processor.unprocessedBytes }

    /// A message has been dealt with. On the event loop.
    func taken() {
        untaken -= 1
        if let context { readIfIdle(context) }
    }

    /// The worker has shown the secret. On the event loop.
    func admitted() {
        authentication?.cancel()
    }

    /// Throws away what still comes, so that closing does not reset the connection under our last words. On the event
    /// loop.
    func discardRest() {
        isDiscarding = true
        end(with: nil)
        if let context { readIfIdle(context) }
    }

    private func begin(_ context: ChannelHandlerContext) {
        guard authentication == nil else { return }
        authentication = context.eventLoop.assumeIsolated().scheduleTask(in: deadlines.authentication) { [self] in
            end(with: CoordinatorError.connection("the worker took too long to show the join token"))
            self.context?.close(promise: nil)
        }
        readIfIdle(context)
    }

    private func readIfIdle(_ context: ChannelHandlerContext) {
        guard isDiscarding || untaken == 0, !isReading else { return }
        isReading = true
        context.read()
    }

    private func watchFrame(_ context: ChannelHandlerContext, restart: Bool) {
        if restart || keptBytes == 0 {
            frame?.cancel()
            frame = nil
        }
        guard keptBytes > 0, frame == nil else { return }
        frame = context.eventLoop.assumeIsolated().scheduleTask(in: deadlines.frame) { [self] in
            frame = nil
            guard untaken == 0 else {
                // We are the ones who do not read.
                if let context = self.context { watchFrame(context, restart: true) }
                return
            }
            end(with: CoordinatorError.connection("the worker took too long over a frame"))
            self.context?.close(promise: nil)
        }
    }

    private func end(with error: (any Error)?) {
        authentication?.cancel()
        frame?.cancel()
        events.finish(throwing: error)
    }
}
