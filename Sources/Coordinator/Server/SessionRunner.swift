import Logging
import NIOPosix
import SharedModel

/// Serves one connection from its first frame to its last: executes what the session's state machine says.
///
/// ``run(_:)`` reads a socket; ``handle(_:)`` and ``finish(because:isCut:)`` are its two halves, for who has events of its own.
struct SessionRunner {
    /// What all connections share.
    struct Services: Sendable {
        let dispatcher: Dispatcher
        let store: SweepStore
        let images: ImageStore
        let partials: PartialUploads
        let models: ModelLibrary
        let tokens: TokenRegistry
        let doorkeeper: Doorkeeper
        let settings: CoordinatorServer.Settings
        let logger: Logger
    }

    private struct Upload {
        /// As it was made on this connection; the image may have been begun on another.
        var offer: Offer
        var image: IncomingImage
        var size: WorkSize
        var began: ContinuousClock.Instant
    }

    private let connection: any WorkerLine
    private let services: Services

    private var session = WorkerSession()
    private var identity: String?
    private var upload: Upload?
    private var isShuttingDown = false
    private var saidGoodbye = false

    init(_ connection: any WorkerLine, _ services: Services) {
        self.connection = connection
        self.services = services
    }

    private var dispatcher: Dispatcher { services.dispatcher }
    private var images: ImageStore { services.images }
    private var logger: Logger { services.logger }

    /// Returns when the connection is closed and everything about it is settled.
    mutating func run(_ connection: WorkerConnection) async {
        var why = "the connection was closed"
        // A worker that broke the rules once may do so again with the rest of its upload.
        var isCut = true
        do {
            for try await event in connection.events {
                guard try await handle(event) else { break }
            }
            if saidGoodbye { why = "it said goodbye" }
        } catch let error as WireError {
            why = "\(error)"
            isCut = ConnectionFault.isCut(error)
            // The worker may be gone or deaf; what was wrong is in our log all the same.
            try? await connection.send(.refused(Refused(reason: why, isFinal: false)))
        } catch {
            why = ConnectionFault.sentence(about: error)
            isCut = ConnectionFault.isCut(error)
        }
        await finish(because: why, isCut: isCut)
        await connection.close()
    }

    /// Settles what the connection leaves behind.
    ///
    /// - Parameters:
    ///   - why: What ended it, for the log.
    ///   - isCut: Whether the worker may go on with its upload when it is back.
    mutating func finish(because why: String, isCut: Bool = true) async {
        if let upload { await put(upload.image, asideIf: isCut) }
        upload = nil
        if let identity {
            await dispatcher.left(connection, identity: identity, saidGoodbye: saidGoodbye, why: why)
        } else {
            services.doorkeeper.leave(connection.id)
            logger.info("a stranger left", metadata: ["address": "\(connection.address)", "why": "\(why)"])
        }
    }

    /// - Returns: Whether the connection goes on.
    mutating func handle(_ event: ConnectionEvent) async throws -> Bool {
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
            guard let token = try await token(of: inquire.secret, version: inquire.version) else { return false }
            if let expires = token.expires, expires <= services.store.now {
                try await refuse("The join token “\(token.name)” has expired; ask for a new one.")
            } else {
                try await connection.send(.report(dispatcher.status()))
            }
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
        case .claim, .beat, .judge, .store, .fail, .release, .list, .read, .show:
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
            await dispatcher.released(release, by: identity)
        case .list(let want):
            try await connection.send(.model(services.models.offer(of: want.fingerprint)))
        case .read(let fetch):
            try await connection.send(services.models.piece(fetch))
        case .show(let preview):
            await dispatcher.previewed(preview, on: connection.id)
        case .admit, .report, .reject, .leave, .ignore, .acknowledge:
            break
        }
    }

    private mutating func admit(_ hello: Hello) async throws -> Bool {
        guard let token = try await token(of: hello.secret, version: hello.version) else { return false }
        connection.admit()
        switch await dispatcher.admit(hello, with: token, on: connection) {
        case .refused(let refused):
            try await connection.send(.refused(refused))
            return false
        case .welcome(let welcome):
            services.doorkeeper.leave(connection.id)
            identity = hello.identity
            session.admitted()
            try await connection.send(.welcome(welcome))
            return true
        }
    }

    /// The token that a secret belongs to; `nil` when the worker has been sent away, for a wrong or revoked one or
    /// for another version of the protocol.
    private func token(of secret: String, version: Int) async throws -> TokenRecord? {
        var verdict = services.tokens.verdict(on: secret)
        if verdict == .unknown {
            // It may be a moment old. Reading the files again is no gift to who guesses: they wait in any case.
            try await NIOThreadPool.singleton.runIfActive { [services] in try services.tokens.reload() }
            verdict = services.tokens.verdict(on: secret)
        }
        switch verdict {
        case .unknown:
            logger.warning("wrong join token", metadata: ["address": "\(connection.address)"])
            try await Task.sleep(for: services.settings.refusalDelay)
            try await refuse("The join token is wrong; copy it again from the coordinator's output.")
            return nil
        case .revoked(let token):
            logger.warning(
                "revoked join token", metadata: ["address": "\(connection.address)", "token": "\(token.name)"])
            try await Task.sleep(for: services.settings.refusalDelay)
            try await refuse("The join token “\(token.name)” was revoked; ask for a new one.")
            return nil
        case .known(let token):
            guard version == WireLimits.protocolVersion else {
                try await refuse(
                    """
                    The coordinator (\(services.settings.program)) speaks version \(WireLimits.protocolVersion) of the \
                    protocol and the worker version \(version); use the same version of tmdne on both.
                    """)
                return nil
            }
            return token
        }
    }

    private func refuse(_ reason: String) async throws {
        try await connection.send(.refused(Refused(reason: reason, isFinal: true)))
    }

    private mutating func judge(_ offer: Offer, from identity: String) async throws {
        let began = ContinuousClock.now
        switch await dispatcher.judge(offer, from: identity) {
        case .acknowledge(let ack):
            try await connection.send(.ack(ack))
        case .send(let size):
            let image: IncomingImage
            do {
                image = try await begin(offer, of: size, from: identity)
            } catch let error as CoordinatorError {
                return try await connection.send(.ack(dispatcher.postpone(offer, because: error)))
            }
            upload = Upload(offer: offer, image: image, size: size, began: began)
            let received = image.received
            session.expectUpload(of: offer.bytes - received)
            try await connection.send(.send(Send(cell: offer.cell, offset: received)))
        }
    }

    /// The image of an offer, with what came of it before the line was cut.
    private func begin(_ offer: Offer, of size: WorkSize, from identity: String) async throws -> IncomingImage {
        let (image, dropped) = services.partials.take(offer, of: identity)
        for image in dropped { await images.discard(image) }
        if let image { return image }
        return try await images.begin(offer, width: size.width, height: size.height)
    }

    /// Keeps an unfinished upload for its worker's return, or throws it away.
    private func put(_ image: IncomingImage, asideIf isCut: Bool) async {
        guard isCut, let identity, !isShuttingDown, (1..<image.offer.bytes).contains(image.received) else {
            return await images.discard(image)
        }
        for dropped in services.partials.keep(image, of: identity, now: .now) { await images.discard(dropped) }
    }

    private mutating func store(_ bytes: [UInt8], isLast: Bool, from identity: String) async throws {
        guard let upload else { return }
        let offer = upload.offer
        let ack: Ack
        do {
            guard isLast else { return try await images.append(bytes, to: upload.image) }
            try await images.finish(upload.image, with: bytes)
            let elapsed = ContinuousClock.now - upload.began
            ack = await dispatcher.commit(
                offer, of: upload.size, from: identity, uploadSeconds: elapsed / .seconds(1))
            await images.settle(upload.image, isNeeded: services.store.needsFile(of: offer, after: ack.outcome))
        } catch let refusal as ImageRefusal {
            logger.warning("image refused", metadata: ["cell": "\(offer.cell)", "reason": "\(refusal.reason)"])
            ack = Ack(cell: offer.cell, outcome: .refused, reason: refusal.reason)
            await images.discard(upload.image)
        } catch let error as CoordinatorError {
            ack = await dispatcher.postpone(offer, because: error)
            await images.discard(upload.image)
        }
        self.upload = nil
        if let due = session.abandonUpload(with: ack) { try await connection.send(.ack(due)) }
    }
}
