import SharedModel

/// One worker's side of the protocol, without any I/O: events go in, actions come out.
///
/// It survives its connections: rendering and the spool go on while the coordinator is away, and a new connection takes
/// up the leases and the images of the old one.
struct WorkerSession: Sendable {
    /// What a hello says, where to say it, and how patient to be.
    struct Configuration: Sendable {
        var hosts: [String]
        var port: Int
        /// The hello without leases.
        var hello: Hello
        var limits = SpoolLimits()
        /// From the request to stop until the rendering is cut off.
        var patience: Duration = .seconds(120)
        /// For an answer to a hello.
        var welcomeTimeout: Duration = .seconds(10)
        /// For the other side to close after a bye.
        var farewellTimeout: Duration = .seconds(2)
        /// For a drained worker to reach a coordinator that has gone, when only finished images are left.
        var deliveryPatience: Duration = .seconds(60)
        /// Before images are offered again that the coordinator could not take.
        var offerPause: Duration = .seconds(5)
        /// Before a shard is asked for again when the spool could not take an image.
        var spoolPause: Duration = .seconds(30)
        /// Silence after which the coordinator is taken for gone.
        var silenceLimit: Duration = .seconds(30)
    }

    private enum Connection {
        case none
        case connecting
        /// The hello is sent.
        case greeting
        case ready(heartbeat: Duration)
        /// The bye is sent.
        case leaving
        /// The session is over; nothing comes of any event.
        case over
    }

    private let configuration: Configuration
    private var backoff: Backoff
    private var connection = Connection.none
    private var hostIndex = 0
    /// The sweep's name, as the latest welcome had it.
    private var sweep = ""
    private var leases: LeaseBook
    private var deliveries: DeliveryQueue
    private var failures: [Fail] = []
    private var unansweredBeats = 0
    /// A claim is not answered yet.
    private var isClaiming = false
    /// Claims wait for the timer.
    private var isClaimPaused = false
    /// The coordinator grants nothing more; only another welcome, of perhaps another coordinator, takes that back.
    private var isDraining = false
    /// The timer runs that ends a drained worker without a coordinator.
    private var isDeliveryLimited = false
    /// The worker was asked to stop.
    private var isStopping = false
    /// Why the session fails as soon as it has tidied up.
    private var failure: WorkerError?
    private var closingReason: String?
    /// Connections to somebody with another key than the join token names.
    private var strangers = 0
    /// A coordinator has let the worker in.
    private var hasJoined = false

    init(configuration: Configuration, leftovers: [SpoolEntry], backoff: Backoff) {
        self.configuration = configuration
        self.backoff = backoff
        leases = LeaseBook(leftovers: leftovers)
        deliveries = DeliveryQueue(leftovers: leftovers)
    }

    /// Whether the coordinator has let the worker in on the present connection.
    var isReady: Bool {
        if case .ready = connection { true } else { false }
    }

    // MARK: The connection

    mutating func start() -> [SessionAction] {
        let recovered: [SessionAction] = deliveries.count > 0 ? [.tell(.recovered(images: deliveries.count))] : []
        return recovered + connect()
    }

    mutating func connected() -> [SessionAction] {
        guard case .connecting = connection else { return [] }
        connection = .greeting
        closingReason = nil
        var hello = configuration.hello
        hello.leases = Array(leases.live.prefix(WireLimits.leases))
        return [.send(.hello(hello)), .schedule(.welcome, after: configuration.welcomeTimeout)]
    }

    /// The connection is gone or could not be made.
    mutating func connectionClosed(reason: String) -> [SessionAction] {
        switch connection {
        case .over: return []
        case .leaving: return end()
        case .none, .connecting, .greeting, .ready: break
        }
        connection = .none
        isClaiming = false
        isClaimPaused = false
        unansweredBeats = 0
        deliveries.rewind()
        let timers: [SessionTimer] = [.welcome, .beat, .claim, .offer]
        let actions = timers.map(SessionAction.cancel) + [.stopUpload]
        if let ending = endIfDone() { return actions + ending }
        let wait = backoff.next()
        let event = WorkerEvent.disconnected(reason: closingReason ?? reason, retryIn: wait)
        return actions + limitDelivery() + [.tell(event), .schedule(.reconnect, after: wait)]
    }

    /// The other side showed another key than the join token names, and was told nothing.
    ///
    /// - Parameter address: Whose, for people.
    /// - Returns: What to do.
    mutating func metStranger(at address: String) -> [SessionAction] {
        strangers += 1
        let error = WorkerError.wrongKey(address: address)
        // A token may name an address that is another machine's in this network, so each of its hosts gets its chance;
        // and who was let in before outlasts whoever has taken the address since.
        guard !hasJoined, strangers >= configuration.hosts.count else { return close(because: "\(error)") }
        return end(with: error) + [.close]
    }

    /// Who is drained and renders no more waits for a coordinator that is away, but not for ever.
    private mutating func limitDelivery() -> [SessionAction] {
        guard isDraining, !isDeliveryLimited, leases.isIdle else { return [] }
        switch connection {
        case .none, .connecting, .greeting:
            isDeliveryLimited = true
            return [.schedule(.delivery, after: configuration.deliveryPatience)]
        case .ready, .leaving, .over:
            return []
        }
    }

    private mutating func giveUpDelivery() -> [SessionAction] {
        let reason =
            "The coordinator granted nothing more and is gone; \(deliveries.count) finished images stay in the spool "
            + "until the worker is started again."
        return [.tell(.ending(reason: reason))] + end() + [.close]
    }

    private mutating func connect() -> [SessionAction] {
        connection = .connecting
        let host = configuration.hosts[hostIndex % configuration.hosts.count]
        hostIndex += 1
        return [
            .tell(.connecting(host: host, port: configuration.port)),
            .connect(host: host, port: configuration.port),
        ]
    }

    private mutating func close(because reason: String) -> [SessionAction] {
        closingReason = reason
        return [.close]
    }

    // MARK: What the coordinator says

    mutating func received(_ message: CoordinatorMessage) -> [SessionAction] {
        unansweredBeats = 0
        switch (connection, message) {
        case (.greeting, .welcome(let welcome)): return welcomed(welcome)
        case (.greeting, .refused(let refused)), (.ready, .refused(let refused)): return wasRefused(refused)
        case (.ready, .grant(let grant)): return granted(grant)
        case (.ready, .idle(let idle)): return told(idle)
        case (.ready, .beatReply(let reply)): return lose(reply.lost) + goOn()
        case (.ready, .send(let send)): return asked(for: send)
        case (.ready, .ack(let ack)): return answered(ack)
        case (.ready, .drain(let drain)): return drained(drain)
        case (.leaving, _), (.over, _), (.none, _): return []
        case (.connecting, _), (.greeting, _), (.ready, .welcome), (.ready, .report), (.ready, .model),
            (.ready, .piece):
            return close(because: "The coordinator said something that does not fit; it may be another version.")
        }
    }

    private mutating func welcomed(_ welcome: Welcome) -> [SessionAction] {
        guard welcome.version == WireLimits.protocolVersion else {
            let reason =
                "it speaks version \(welcome.version) of the protocol, this worker \(WireLimits.protocolVersion); "
                + "use the same tmdne on both hosts."
            return end(with: .refused(reason: reason)) + [.close]
        }
        // The bounds keep a strange coordinator from silence and from a flood alike.
        let heartbeat = Duration.seconds(min(max(welcome.heartbeatSeconds, 0.05), 60))
        connection = .ready(heartbeat: heartbeat)
        hasJoined = true
        sweep = welcome.sweep
        backoff.reset()
        hostIndex -= 1
        isDraining = false
        isDeliveryLimited = false
        let lost = Set(leases.live).subtracting(welcome.leases)
        var actions: [SessionAction] = [
            .cancel(.welcome), .cancel(.delivery), .tell(.joined(sweep: welcome.sweep, name: welcome.name)),
            .schedule(.beat, after: heartbeat),
        ]
        actions += lose(leases.live.filter(lost.contains))
        for failure in failures {
            actions.append(.send(.fail(failure)))
            leases.told(failure.cell, isDone: true)
        }
        failures = []
        return actions + goOn()
    }

    private mutating func wasRefused(_ refused: Refused) -> [SessionAction] {
        guard refused.isFinal else { return close(because: "The coordinator refused this worker: \(refused.reason)") }
        return end(with: .refused(reason: refused.reason)) + [.close]
    }

    private mutating func granted(_ grant: Grant) -> [SessionAction] {
        guard isClaiming else { return close(because: "The coordinator granted a shard that was not asked for.") }
        isClaiming = false
        if isStopping || failure != nil { return [.send(.release(Release(lease: grant.lease)))] + goOn() }
        leases.add(grant)
        return [.tell(.granted(grant.lease, shard: grant.shard, cells: grant.cells.count))] + goOn()
    }

    private mutating func told(_ idle: Idle) -> [SessionAction] {
        guard isClaiming else { return [] }
        isClaiming = false
        // The floor keeps two programs from asking each other as fast as they can.
        let wait = Duration.seconds(max(idle.retrySeconds, 0.05))
        return [.tell(.idle(reason: idle.reason))] + pauseClaims(for: wait) + goOn()
    }

    private mutating func drained(_ drain: Drain) -> [SessionAction] {
        isClaiming = false
        guard !isDraining else { return goOn() }
        isDraining = true
        return [.tell(.ending(reason: drain.reason))] + goOn()
    }

    private mutating func lose(_ lost: [LeaseID]) -> [SessionAction] {
        let known = Set(leases.live)
        let rendering = Set(leases.lose(lost))
        return lost.filter(known.contains).flatMap { lease -> [SessionAction] in
            (rendering.contains(lease) ? [.loseRendering(lease)] : []) + [.tell(.lost(lease))]
        }
    }

    private mutating func asked(for send: Send) -> [SessionAction] {
        guard let entry = deliveries.move(send.cell, from: .offered, to: .sending), send.offset < entry.bytes else {
            return close(because: "The coordinator asked for an image that was not offered.")
        }
        return [.upload(send.cell, offset: send.offset)]
    }

    private mutating func answered(_ ack: Ack) -> [SessionAction] {
        let wasSending = deliveries.isSending(ack.cell)
        guard let entry = deliveries.answered(ack.cell) else { return [] }
        var actions: [SessionAction] = wasSending ? [.stopUpload] : []
        actions.append(.tell(.delivered(ack.cell, ack.outcome, reason: ack.reason)))
        switch ack.outcome {
        case .stored:
            leases.told(ack.cell, isDone: true)
            actions.append(.delete(entry))
        case .duplicate:
            leases.wasDoneElsewhere(ack.cell)
            actions.append(.delete(entry))
        case .refused:
            actions += [.delete(entry)] + refused(entry, because: ack.reason)
        case .later:
            deliveries.add(entry)
            deliveries.isPaused = true
            actions.append(.schedule(.offer, after: configuration.offerPause))
        }
        return actions + goOn()
    }

    private mutating func refused(_ entry: SpoolEntry, because reason: String) -> [SessionAction] {
        if let holder = leases.holder(of: entry.cell), holder != entry.lease {
            // An image of an earlier lease says nothing about the cell; one rendered under the present lease will.
            leases.told(entry.cell, isDone: false)
            return []
        }
        // Whatever is wrong with it, another rendering would end the same way, and so on for ever.
        return fail(entry.cell, under: entry.lease, "The coordinator refused the image: \(reason)")
    }

    // MARK: What the engine and the spool say

    mutating func reported(_ report: RenderReport) -> [SessionAction] {
        if case .over = connection { return [] }
        var actions: [SessionAction] = []
        switch report {
        case .onLastGroup(let lease):
            leases.onLastGroup(lease)
        case .spooled(let entry):
            leases.owes(entry.cell, under: entry.lease)
            deliveries.add(entry)
            actions = [.tell(.rendered(entry.cell, entry.timings))]
        case .failed(let lease, let cell, let reason):
            actions = [.tell(.failed(cell, reason: reason))] + fail(cell, under: lease, reason)
        case .spoolBroken(_, let reason):
            leases.dropQueued()
            actions = [.tell(.trouble(reason))] + pauseClaims(for: configuration.spoolPause)
        case .unusable(_, let error):
            failure = failure ?? error
            leases.dropQueued()
            actions = [.tell(.trouble("\(error)"))]
        case .ended(let lease):
            leases.ended(lease)
        }
        return actions + goOn()
    }

    /// The spool gave back the image at the front.
    mutating func loaded(_ cell: CellKey) -> [SessionAction] {
        guard case .ready = connection, let entry = deliveries.move(cell, from: .loading, to: .offered) else {
            return []
        }
        return [.send(.offer(entry.offer))]
    }

    /// The spool has lost the image at the front; its cell goes back with its lease.
    mutating func unreadable(_ cell: CellKey) -> [SessionAction] {
        guard let entry = deliveries.drop(cell) else { return [] }
        leases.told(cell, isDone: false)
        return [.delete(entry)] + goOn()
    }

    /// The network took a part of an image. Beats wait in line behind it, so a slow line is no silence.
    mutating func uploadAdvanced() {
        unansweredBeats = 0
    }

    /// The last chunk of an image is on its way.
    mutating func sent(_ cell: CellKey) -> [SessionAction] {
        deliveries.sent(cell) ? goOn() : []
    }

    private mutating func fail(_ cell: CellKey, under lease: LeaseID, _ reason: String) -> [SessionAction] {
        let fail = Fail(lease: lease, cell: cell, reason: WireText.line(reason))
        guard case .ready = connection else {
            failures.append(fail)
            leases.owes(cell, under: lease)
            return []
        }
        leases.told(cell, isDone: true)
        return [.send(.fail(fail))]
    }

    // MARK: What time and people say

    /// - Parameters:
    ///   - timer: Which one.
    ///   - beat: What the engine does now.
    /// - Returns: What to do.
    mutating func timerFired(_ timer: SessionTimer, beat: Beat) -> [SessionAction] {
        switch (timer, connection) {
        case (_, .over): return []
        case (.reconnect, .none): return connect()
        case (.welcome, .greeting): return close(because: "The coordinator did not answer.")
        case (.beat, .ready(let heartbeat)):
            let limit = max(2, configuration.silenceLimit / heartbeat)
            guard Double(unansweredBeats) < limit else { return close(because: "The coordinator fell silent.") }
            unansweredBeats += 1
            return [.send(.beat(beat)), .schedule(.beat, after: heartbeat)]
        case (.claim, _):
            isClaimPaused = false
            return goOn()
        case (.offer, _):
            deliveries.isPaused = false
            return goOn()
        case (.delivery, .none), (.delivery, .connecting), (.delivery, .greeting): return giveUpDelivery()
        case (.farewell, .leaving): return end() + [.close]
        case (.patience, _): return abort()
        default: return []
        }
    }

    /// Finishes the images that are being rendered, delivers what is finished, gives back the rest and ends.
    mutating func stop() -> [SessionAction] {
        guard !isStopping else { return [] }
        isStopping = true
        leases.dropQueued()
        return [
            .tell(.ending(reason: "The worker was asked to stop.")), .windDownRendering,
            .schedule(.patience, after: configuration.patience),
        ] + goOn()
    }

    /// Ends now; what is finished stays in the spool for the next start.
    mutating func abort() -> [SessionAction] {
        var actions: [SessionAction] = [.abortRendering]
        if case .ready = connection { actions.append(.send(.bye)) }
        return actions + end() + [.close]
    }

    // MARK: What follows from all that

    /// Does whatever can be done now: gives back, renders, offers, claims, ends.
    private mutating func goOn() -> [SessionAction] {
        if case .over = connection { return [] }
        if case .leaving = connection { return [] }
        var actions: [SessionAction] = []
        if !isStopping, failure == nil, let next = leases.beginNext(spooled: deliveries.contains) {
            actions.append(.render(next.grant, sweep: sweep, skipping: next.skipped))
        }
        let returned = leases.settle()
        if case .ready = connection {
            actions += returned.map { .send(.release(Release(lease: $0))) }
            if let entry = deliveries.advance() { actions.append(.load(entry)) }
        }
        if let ending = endIfDone() { return actions + ending }
        return actions + limitDelivery() + claimIfUseful()
    }

    private mutating func claimIfUseful() -> [SessionAction] {
        guard case .ready = connection, !isClaiming, !isClaimPaused, !isDraining, !isStopping, failure == nil,
            leases.leases.count < WireLimits.leases, leases.wantsAnother,
            !configuration.limits.isFull(count: deliveries.count, bytes: deliveries.bytes)
        else { return [] }
        isClaiming = true
        return [.send(.claim(Claim()))]
    }

    private mutating func pauseClaims(for wait: Duration) -> [SessionAction] {
        isClaimPaused = true
        return [.schedule(.claim, after: wait)]
    }

    /// - Returns: `nil` while something is left to do.
    private mutating func endIfDone() -> [SessionAction]? {
        guard isStopping || isDraining || failure != nil, leases.isIdle else { return nil }
        switch connection {
        case .ready:
            guard deliveries.count == 0, failures.isEmpty else { return nil }
            connection = .leaving
            return [.send(.bye), .cancel(.beat), .schedule(.farewell, after: configuration.farewellTimeout)]
        case .none:
            // The spool keeps what a coordinator that is away can't take, but who is drained waits for it for a while.
            guard isStopping || failure != nil || (deliveries.count == 0 && failures.isEmpty) else { return nil }
            return end()
        case .connecting, .greeting:
            guard isStopping else { return nil }
            return end() + [.close]
        case .leaving, .over:
            return nil
        }
    }

    private mutating func end() -> [SessionAction] {
        end(with: failure)
    }

    private mutating func end(with error: WorkerError?) -> [SessionAction] {
        connection = .over
        return [.end(error.map { .failed($0) } ?? .done)]
    }
}
