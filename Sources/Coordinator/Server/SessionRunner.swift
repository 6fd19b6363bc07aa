import Logging
import SharedModel

/// Serves one connection from its first frame to its last: executes what the session's state machine says.
struct SessionRunner {
    private struct Upload {
        var image: IncomingImage
        var size: WorkSize
        var began: ContinuousClock.Instant
    }

    let connection: WorkerConnection
    let dispatcher: Dispatcher
    let store: SweepStore
    let images: ImageStore
    let doorkeeper: Doorkeeper
    let secret: JoinSecret
    let settings: CoordinatorServer.Settings
    let logger: Logger

    private var session = WorkerSession()
    private var identity: String?
    private var upload: Upload?
    private var isShuttingDown = false
    private var saidGoodbye = false

    init(
        _ connection: WorkerConnection, dispatcher: Dispatcher, store: SweepStore, images: ImageStore,
        doorkeeper: Doorkeeper, secret: JoinSecret, settings: CoordinatorServer.Settings, logger: Logger
    ) {
        self.connection = connection
        self.dispatcher = dispatcher
        self.store = store
        self.images = images
        self.doorkeeper = doorkeeper
        self.secret = secret
        self.settings = settings
        self.logger = logger
    }

    /// Returns when the connection is closed and everything about it is settled.
    mutating func run() async {
        var why = "the connection was closed"
        do {
            for try await event in connection.events {
                guard try await handle(event) else { break }
            }
            if saidGoodbye { why = "it said goodbye" }
        } catch let error as WireError {
            why = "\(error)"
            // The worker may be gone or deaf; what was wrong is in our log all the same.
            try? await connection.send(.refused(Refused(reason: why, isFinal: false)))
        } catch {
            why = "\(error)"
        }
        if let upload { await images.discard(upload.image) }
        if let identity {
            await dispatcher.left(connection, identity: identity, saidGoodbye: saidGoodbye, why: why)
        } else {
            doorkeeper.leave()
            logger.info("a stranger left", metadata: ["address": "\(connection.address)", "why": "\(why)"])
        }
        await connection.close()
    }

    /// - Returns: Whether the connection goes on.
    private mutating func handle(_ event: ConnectionEvent) async throws -> Bool {
        switch event {
        case .drain(let reason):
            try await connection.send(.drain(Drain(reason: reason)))
        case .shutDown:
            isShuttingDown = true
        case .message(let message):
            let step = session.received(message)
            connection.beginWork(for: message)
            defer { connection.endWork() }
            guard try await execute(step) else { return false }
        }
        return !isShuttingDown || session.isUploading
    }

    private mutating func execute(_ step: WorkerSession.Step) async throws -> Bool {
        switch step {
        case .admit(let hello):
            return try await admit(hello)
        case .report(let inquire):
            guard try await isTrusted(inquire.secret, version: inquire.version) else { return false }
            try await connection.send(.report(store.status()))
            return false
        case .reject(let reason):
            throw WireError.malformed(frame: "next", problem: reason)
        case .leave:
            saidGoodbye = true
            return false
        case .ignore:
            return true
        case .acknowledge(let ack):
            try await connection.send(.ack(ack))
            return true
        case .claim, .beat, .judge, .store, .fail, .release:
            guard let identity else { return false }
            try await serve(step, for: identity)
            return true
        }
    }

    private mutating func serve(_ step: WorkerSession.Step, for identity: String) async throws {
        switch step {
        case .claim:
            try await connection.send(dispatcher.claim(identity, on: connection.id))
        case .beat(let beat):
            try await connection.send(.beatReply(dispatcher.beat(beat, from: identity)))
        case .judge(let offer):
            try await judge(offer, from: identity)
        case .store(let bytes, let isLast):
            try await store(bytes, isLast: isLast, from: identity)
        case .fail(let fail):
            await dispatcher.failed(fail, from: identity)
        case .release(let release):
            await dispatcher.released(release.lease, by: identity)
        case .admit, .report, .reject, .leave, .ignore, .acknowledge:
            break
        }
    }

    private mutating func admit(_ hello: Hello) async throws -> Bool {
        guard try await isTrusted(hello.secret, version: hello.version) else { return false }
        connection.admit()
        switch await dispatcher.admit(hello, on: connection) {
        case .refused(let refused):
            try await connection.send(.refused(refused))
            return false
        case .welcome(let welcome):
            doorkeeper.leave()
            identity = hello.identity
            session.admitted()
            try await connection.send(.welcome(welcome))
            return true
        }
    }

    private func isTrusted(_ text: String, version: Int) async throws -> Bool {
        guard secret.matches(text) else {
            logger.warning("wrong join token", metadata: ["address": "\(connection.address)"])
            try await Task.sleep(for: settings.refusalDelay)
            let reason = "The join token is wrong; copy it again from the coordinator's output."
            try await connection.send(.refused(Refused(reason: reason, isFinal: true)))
            return false
        }
        guard version == WireLimits.protocolVersion else {
            let reason = """
                The coordinator (\(settings.program)) speaks version \(WireLimits.protocolVersion) of the protocol and \
                the worker version \(version); use the same version of tmdne on both.
                """
            try await connection.send(.refused(Refused(reason: reason, isFinal: true)))
            return false
        }
        return true
    }

    private mutating func judge(_ offer: Offer, from identity: String) async throws {
        let began = ContinuousClock.now
        switch await dispatcher.judge(offer, from: identity) {
        case .acknowledge(let ack):
            try await connection.send(.ack(ack))
        case .send(let size):
            do {
                let image = try await images.begin(offer, width: size.width, height: size.height)
                upload = Upload(image: image, size: size, began: began)
            } catch let error as CoordinatorError {
                return try await connection.send(.ack(dispatcher.postpone(offer, because: error)))
            }
            session.expectUpload(of: offer.bytes)
            try await connection.send(.send(Send(cell: offer.cell)))
        }
    }

    private mutating func store(_ bytes: [UInt8], isLast: Bool, from identity: String) async throws {
        guard let upload else { return }
        let offer = upload.image.offer
        let ack: Ack
        do {
            try await images.append(bytes, to: upload.image)
            guard isLast else { return }
            try await images.keep(upload.image)
            let elapsed = ContinuousClock.now - upload.began
            ack = await dispatcher.commit(
                offer, of: upload.size, from: identity, uploadSeconds: elapsed / .seconds(1))
            await images.settle(upload.image, isNeeded: store.needsFile(of: offer, after: ack.outcome))
        } catch let refusal as ImageRefusal {
            logger.warning("image refused", metadata: ["cell": "\(offer.cell)", "reason": "\(refusal.reason)"])
            ack = Ack(cell: offer.cell, outcome: .refused, reason: refusal.reason)
        } catch let error as CoordinatorError {
            ack = await dispatcher.postpone(offer, because: error)
        }
        self.upload = nil
        await images.discard(upload.image)
        if let due = session.abandonUpload(with: ack) { try await connection.send(.ack(due)) }
    }
}
