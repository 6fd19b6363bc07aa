import Logging
import NIOCore
import NIOPosix
import SharedModel

/// Carries out what a ``WorkerSession`` wants, on one event loop, which neither rendering nor files ever block.
///
/// `@unchecked Sendable`: everything mutable is touched on `eventLoop` alone; what others may call hops there.
final class SessionDriver: @unchecked Sendable {
    private static let connectTimeout = TimeAmount.seconds(10)

    private let eventLoop: any EventLoop
    private let key: PinnedKey?
    private let link: ModelLink?
    private let host: RenderHost
    private let logger: Logger
    private let events: AsyncStream<WorkerEvent>.Continuation
    private let ending: EventLoopPromise<SessionEnding>
    private var session: WorkerSession
    private var channel: (any Channel)?
    private var timers: [SessionTimer: Scheduled<Void>] = [:]
    private var loaded: (cell: CellKey, png: [UInt8])?
    private var upload: ImageUpload?
    private var actions: [SessionAction] = []
    private var isPerforming = false
    private var hasEnded = false

    init(
        session: WorkerSession, key: PinnedKey?, host: RenderHost, link: ModelLink?, eventLoop: any EventLoop,
        logger: Logger, events: AsyncStream<WorkerEvent>.Continuation
    ) {
        self.session = session
        self.key = key
        self.link = link
        self.host = host
        self.eventLoop = eventLoop
        self.logger = logger
        self.events = events
        ending = eventLoop.makePromise()
    }

    /// Fulfilled when the session is over.
    var whenEnded: EventLoopFuture<SessionEnding> { ending.futureResult }

    func start() {
        eventLoop.execute { self.perform(self.session.start()) }
    }

    /// Ends the session after the images that are being rendered.
    func stop() {
        eventLoop.execute { self.perform(self.session.stop()) }
    }

    /// Ends the session now.
    func abort() {
        eventLoop.execute { self.perform(self.session.abort()) }
    }

    // MARK: What the connection says, on the event loop

    func received(_ message: CoordinatorMessage) {
        switch message {
        case .model(let offer) where link != nil && session.isReady:
            session.uploadAdvanced()
            link?.received(.listed(offer))
        case .piece(let bytes) where link != nil && session.isReady:
            session.uploadAdvanced()
            link?.received(.arrived(bytes))
        default:
            let wasReady = session.isReady
            perform(session.received(message))
            if !wasReady, session.isReady { attachLink() }
        }
    }

    /// The other side has shown another key than the one that it must have.
    func metStranger(at address: String) {
        perform(session.metStranger(at: address))
    }

    func becameWritable() {
        continueUpload()
    }

    func closed(because reason: String) {
        channel = nil
        link?.detach()
        perform(session.connectionClosed(reason: reason))
    }

    // MARK: Doing

    /// Queues what must be done; an action may cause an event whose actions follow after those of this one.
    private func perform(_ new: [SessionAction]) {
        actions += new
        guard !isPerforming else { return }
        isPerforming = true
        defer { isPerforming = false }
        while !actions.isEmpty { execute(actions.removeFirst()) }
    }

    private func execute(_ action: SessionAction) {
        switch action {
        case .connect(let host, let port): connect(host, port)
        case .close: channel?.close(promise: nil)
        case .send(let message): send(message)
        case .show(let preview): if channel?.isWritable == true { send(.preview(preview)) }
        case .schedule(let timer, let wait): schedule(timer, after: wait)
        case .cancel(let timer): timers.removeValue(forKey: timer)?.cancel()
        case .render(let grant, let sweep, let skipped): render(grant, of: sweep, skipping: skipped)
        case .loseRendering(let lease): host.control.lose(lease)
        case .windDownRendering:
            host.control.windDown()
            link?.abort()
        case .abortRendering:
            host.control.abort()
            link?.abort()
        case .load(let entry): load(entry)
        case .upload(let cell, let offset): beginUpload(of: cell, at: offset)
        case .stopUpload: upload = nil
        case .delete(let entry): host.remove(entry)
        case .tell(let event): events.yield(event)
        case .end(let result): end(with: result)
        }
    }

    private func connect(_ host: String, _ port: Int) {
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(Self.connectTimeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let key = self.key {
                        let address = ConnectionProblem.address(host, port)
                        try channel.pipeline.syncOperations.addHandler(
                            key.handler { self.metStranger(at: address) })
                    }
                    try channel.pipeline.syncOperations.addHandlers(
                        ByteToMessageHandler(FrameDecoder<CoordinatorMessage>(limit: .authenticated())),
                        MessageToByteHandler(FrameEncoder<WorkerMessage>()),
                        CoordinatorHandler(driver: self))
                }
            }
        bootstrap.connect(host: host, port: port).whenComplete { result in
            switch result {
            case .success(let channel) where self.hasEnded || !channel.isActive:
                // Closed in the same turn of the loop, before anyone could be told that it was open.
                channel.close(promise: nil)
                self.closed(because: "The connection was closed at once.")
            case .success(let channel):
                self.channel = channel
                self.perform(self.session.connected())
            case .failure(let error):
                self.closed(because: ConnectionProblem.sentence(about: error, host: host, port: port))
            }
        }
    }

    private func send(_ message: WorkerMessage, whenWritten: @escaping @Sendable () -> Void = {}) {
        guard let channel else { return }
        channel.writeAndFlush(message).whenComplete { result in
            switch result {
            case .success: whenWritten()
            case .failure(let error):
                // A message of ours that the codec refuses would be refused again and again.
                guard error is WireError else { return }
                self.logger.error("A message could not be sent", metadata: ["reason": "\(error)"])
                channel.close(promise: nil)
            }
        }
    }

    private func attachLink() {
        guard let channel else { return }
        link?.attach { message in
            self.eventLoop.execute {
                // A connection that is gone says nothing to the next one.
                if self.channel === channel { self.send(message) }
            }
        } tell: { [events] event in
            events.yield(event)
        }
    }

    private func schedule(_ timer: SessionTimer, after wait: Duration) {
        timers[timer]?.cancel()
        timers[timer] = eventLoop.scheduleTask(in: TimeAmount(wait)) {
            self.timers[timer] = nil
            self.perform(self.session.timerFired(timer, beat: self.host.control.beat))
        }
    }

    private func render(_ grant: Grant, of sweep: String, skipping skipped: Set<CellKey>) {
        host.render(grant, of: sweep, skipping: skipped) { [events] progress in
            events.yield(.progressed(progress))
        } report: { report in
            self.eventLoop.execute { self.perform(self.session.reported(report)) }
        }
    }

    private func load(_ entry: SpoolEntry) {
        host.load(entry) { png in
            self.eventLoop.execute {
                self.loaded = png.map { (entry.cell, $0) }
                self.perform(png == nil ? self.session.unreadable(entry.cell) : self.session.loaded(entry.cell))
            }
        }
    }

    private func beginUpload(of cell: CellKey, at offset: Int) {
        guard let loaded, loaded.cell == cell else { return }
        self.loaded = nil
        upload = ImageUpload(cell: cell, png: loaded.png, offset: min(offset, loaded.png.count))
        continueUpload()
    }

    /// Sends chunks for as long as the socket takes them.
    private func continueUpload() {
        guard let channel else { return }
        while channel.isWritable, let chunk = upload?.next() {
            send(.chunk(chunk)) {
                // A connection that is gone says nothing about the next one.
                guard self.channel === channel else { return }
                self.session.uploadAdvanced()
            }
        }
        guard let upload, upload.isComplete else { return }
        self.upload = nil
        perform(session.sent(upload.cell))
    }

    private func end(with result: SessionEnding) {
        hasEnded = true
        link?.abort()
        for timer in timers.values { timer.cancel() }
        timers = [:]
        upload = nil
        loaded = nil
        ending.succeed(result)
    }
}

/// The rest of an image that is being sent.
private struct ImageUpload {
    let cell: CellKey
    private let png: [UInt8]
    private var offset: Int

    init(cell: CellKey, png: [UInt8], offset: Int) {
        self.cell = cell
        self.png = png
        self.offset = offset
    }

    var isComplete: Bool { offset == png.count }

    mutating func next() -> [UInt8]? {
        guard !isComplete else { return nil }
        let end = min(offset + WireLimits.chunkBytes, png.count)
        defer { offset = end }
        return Array(png[offset..<end])
    }
}
