import SharedModel

@testable import Worker

/// A session and the actions that it asked for, apart from what it tells people.
struct Script {
    var session: WorkerSession

    init(leftovers: [SpoolEntry] = [], hosts: [String] = ["a"], limits: SpoolLimits = SpoolLimits()) {
        let hello = Hello(
            version: WireLimits.protocolVersion, secret: "s", name: "w", identity: "i", device: "d", program: "p",
            leases: [])
        var configuration = WorkerSession.Configuration(hosts: hosts, port: 1, hello: hello)
        configuration.limits = limits
        session = WorkerSession(
            configuration: configuration, leftovers: leftovers,
            backoff: Backoff(
                shortest: .milliseconds(250), longest: .seconds(10), generator: ConstantGenerator(value: .max)))
    }

    mutating func after(_ event: (inout WorkerSession) -> [SessionAction]) -> [SessionAction] {
        event(&session).filter { action in
            if case .tell = action { return false }
            return true
        }
    }

    mutating func receive(_ message: CoordinatorMessage) -> [SessionAction] {
        after { $0.received(message) }
    }

    mutating func report(_ report: RenderReport) -> [SessionAction] {
        after { $0.reported(report) }
    }

    /// Connects and is let in with the leases that the hello names, or with those given.
    @discardableResult
    mutating func join(keeping leases: [LeaseID]? = nil) -> (hello: [LeaseID], actions: [SessionAction]) {
        var named: [LeaseID] = []
        for action in after({ $0.connected() }) {
            if case .send(.hello(let hello)) = action { named = hello.leases }
        }
        return (named, receive(.welcome(Self.welcome(leases ?? named))))
    }

    static func welcome(_ leases: [LeaseID]) -> Welcome {
        Welcome(
            version: WireLimits.protocolVersion, program: "c", sweep: "s", name: "w", heartbeatSeconds: 5,
            leases: leases)
    }

    /// Takes an image all the way to the coordinator.
    mutating func deliver(_ cell: CellKey, _ outcome: Ack.Outcome = .stored) -> [SessionAction] {
        var actions = after { $0.loaded(cell) }
        actions += receive(.send(Send(cell: cell)))
        actions += after { $0.sent(cell) }
        return actions + receive(.ack(Ack(cell: cell, outcome: outcome, reason: "")))
    }
}

extension [SessionAction] {
    var sent: [WorkerMessage] {
        compactMap { action in
            if case .send(let message) = action { message } else { nil }
        }
    }
}

let beat = Beat(lease: nil, cell: nil, step: 0, steps: 0)
let claim = SessionAction.send(.claim(Claim()))
