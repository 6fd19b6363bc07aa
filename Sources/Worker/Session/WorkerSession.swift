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
        /// Leases in a row that this host can't render, before the worker gives up: a coordinator that grants more of the
        /// same does not listen.
        var longestInability = 16
        /// Silence after which the coordinator is taken for gone.
        var silenceLimit: Duration = .seconds(30)
    }

    enum Connection {
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

    let configuration: Configuration
    var backoff: Backoff
    var connection = Connection.none
    var hostIndex = 0
    /// The sweep's name, as the latest welcome had it.
    var sweep = ""
    var leases: LeaseBook
    var deliveries: DeliveryQueue
    var failures: [Fail] = []
    var unansweredBeats = 0
    /// A claim is not answered yet.
    var isClaiming = false
    /// Claims wait for the timer.
    var isClaimPaused = false
    /// The coordinator grants nothing more; only another welcome, of perhaps another coordinator, takes that back.
    var isDraining = false
    /// The timer runs that ends a drained worker without a coordinator.
    var isDeliveryLimited = false
    /// The worker was asked to stop.
    var isStopping = false
    /// Why the session fails as soon as it has tidied up.
    var failure: WorkerError?
    /// Leases whose model this host can't render, and why; not given back yet.
    var unable: [LeaseID: String] = [:]
    /// The latest reason of those, or what a drain said, while no image was taken: the session's failure when nothing else is
    /// granted.
    var hostProblem: WorkerError?
    /// Leases in a row that were given back as ``unable``.
    var unableInARow = 0
    /// The coordinator has taken an image.
    var hasDelivered = false
    var closingReason: String?
    /// Connections to somebody with another key than the join token names.
    var strangers = 0
    /// A coordinator has let the worker in.
    var hasJoined = false

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
        return [.send(.hello(hello.fitting())), .schedule(.welcome, after: configuration.welcomeTimeout)]
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
    mutating func limitDelivery() -> [SessionAction] {
        guard isDraining, !isDeliveryLimited, leases.isIdle else { return [] }
        switch connection {
        case .none, .connecting, .greeting:
            isDeliveryLimited = true
            return [.schedule(.delivery, after: configuration.deliveryPatience)]
        case .ready, .leaving, .over:
            return []
        }
    }

    mutating func giveUpDelivery() -> [SessionAction] {
        let reason =
            "The coordinator granted nothing more and is gone; \(deliveries.count) finished images stay in the spool "
            + "until the worker is started again."
        return [.tell(.ending(reason: reason))] + end() + [.close]
    }

    mutating func connect() -> [SessionAction] {
        connection = .connecting
        let host = configuration.hosts[hostIndex % configuration.hosts.count]
        hostIndex += 1
        return [
            .tell(.connecting(host: host, port: configuration.port)),
            .connect(host: host, port: configuration.port),
        ]
    }

    mutating func close(because reason: String) -> [SessionAction] {
        closingReason = reason
        return [.close]
    }
}
