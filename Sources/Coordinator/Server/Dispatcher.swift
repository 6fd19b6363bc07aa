import Foundation
import Logging
import SharedModel

/// Carries out what the lease book decides: the one place where sessions, leases, the database and the disk's state meet.
actor Dispatcher {
    /// What a hello comes to.
    enum Admission: Equatable, Sendable {
        case welcome(Welcome)
        case refused(Refused)
    }

    /// What an offer comes to.
    enum Judgement: Equatable, Sendable {
        case send(WorkSize)
        case acknowledge(Ack)
    }

    private struct Guest {
        var connection: WorkerConnection
        var identity: String
        var name: String
        /// SHA-256 of the secret that let it in.
        var token: String
    }

    /// The longest that a worker waits before it connects again, and time to do so.
    private static let longestReturn = Duration.seconds(15)

    private let store: SweepStore
    private let images: ImageStore
    private let directory: SweepDirectory
    private let settings: CoordinatorServer.Settings
    private let sweep: String
    private let tokens: TokenRegistry
    private let logger: Logger
    private let now: @Sendable () -> ContinuousClock.Instant
    private let events: AsyncStream<ProgressEvent>.Continuation
    private let onEnd: @Sendable () -> Void

    private var book: LeaseBook
    private var guests: [LeaseBook.ConnectionID: Guest] = [:]
    /// Leases that are over, but the database could not be told.
    private var unwritten: [LeaseBook.Ended] = []
    private var isPaused = false
    private var isShuttingDown = false
    private var drainReason: String?
    private var diskProblem: String?
    private var published: (SweepStatus.State, String?) = (.running, nil)
    /// Since when nobody holds anything, while draining.
    private var emptySince: ContinuousClock.Instant?
    /// Workers whose connection broke, and when; they may be about to come back.
    private var strayed: [String: ContinuousClock.Instant] = [:]
    /// Failures of cells that the database could not be told.
    private var untold: [(fail: Fail, identity: String)] = []
    /// How often failed cells were to be tried again.
    private var retries = 0

    init(
        store: SweepStore, images: ImageStore, directory: SweepDirectory, settings: CoordinatorServer.Settings,
        sweep: String, leftovers: [LiveAttempt], tokens: TokenRegistry, logger: Logger,
        events: AsyncStream<ProgressEvent>.Continuation,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }, onEnd: @escaping @Sendable () -> Void
    ) {
        self.store = store
        self.images = images
        self.directory = directory
        self.settings = settings
        self.sweep = sweep
        self.tokens = tokens
        self.logger = logger
        self.events = events
        self.now = now
        self.onEnd = onEnd
        book = LeaseBook(timeouts: settings.timeouts)
        book.restore(leftovers, now: now())
    }

    // MARK: - What workers say

    /// Lets a worker in whose secret is that of `token`.
    func admit(_ hello: Hello, with token: TokenRecord, on connection: WorkerConnection) async -> Admission {
        guard !isShuttingDown else {
            return .refused(Refused(reason: "The coordinator is shutting down.", isFinal: false))
        }
        let name: String
        do {
            switch try await store.register(hello, with: token) {
            case .registered(let free): name = free
            case .expired(let date):
                let reason = "The join token “\(token.name)” lets nobody new in since \(Timestamp.text(date)); "
                return .refused(Refused(reason: reason + "ask for a new one.", isFinal: true))
            case .usedUp(let uses):
                let reason = "The join token “\(token.name)” has let in \(uses) workers, as many as it may; "
                return .refused(Refused(reason: reason + "ask for a new one.", isFinal: true))
            }
        } catch {
            await storageFailed(error)
            return .refused(Refused(reason: "The coordinator can't write its database now.", isFinal: false))
        }
        let joined = book.joined(hello.identity, on: connection.id, naming: hello.leases, now: now())
        if let old = joined.superseded { guests.removeValue(forKey: old)?.connection.cut() }
        strayed[hello.identity] = nil
        guests[connection.id] = Guest(connection: connection, identity: hello.identity, name: name, token: token.sha256)
        await write(joined.ended)
        logger.info("worker joined", metadata: ["worker": "\(name)", "address": "\(connection.address)"])
        events.yield(.workerJoined(name: name, device: hello.device))
        return .welcome(
            Welcome(
                version: WireLimits.protocolVersion, program: settings.program, sweep: sweep, name: name,
                heartbeatSeconds: settings.heartbeatSeconds, leases: joined.kept))
    }

    /// Answers a claim.
    func claim(_ identity: String, on connection: LeaseBook.ConnectionID) async throws -> CoordinatorMessage {
        if let drainReason { return .drain(Drain(reason: drainReason)) }
        if let reason = reasonToWait { return .idle(Idle(reason: reason, retrySeconds: settings.retrySeconds)) }
        guard book.leases(of: identity).count < WireLimits.leases else {
            return .idle(
                Idle(reason: "The worker holds as many leases as it may.", retrySeconds: settings.retrySeconds))
        }
        var generator = SystemRandomNumberGenerator()
        let grant: Grant?
        do {
            let hasCompany = guests.values.contains { $0.identity != identity }
            grant = try await store.claim(
                lease: LeaseID(using: &generator), identity: identity, hasCompany: hasCompany)
        } catch {
            await storageFailed(error)
            return .idle(
                Idle(reason: "The coordinator can't write its database now.", retrySeconds: settings.retrySeconds))
        }
        guard let grant, let cell = grant.cells.first?.cell else {
            let reason = "Every cell is done or left to another worker."
            return .idle(Idle(reason: reason, retrySeconds: settings.retrySeconds))
        }
        let size = WorkSize(width: cell.width, height: cell.height, steps: cell.steps)
        if let ended = book.granted(grant.lease, to: identity, on: connection, of: size, now: now()) {
            await write([ended])
            throw CoordinatorError.connection("the worker came back on another one")
        }
        events.yield(.granted(worker: name(of: identity), shard: grant.shard, cells: grant.cells.count))
        return .grant(grant)
    }

    func beat(_ beat: Beat, from identity: String) -> BeatReply {
        BeatReply(lost: book.beat(beat, from: identity, now: now()))
    }

    /// Judges an offer; an image that is wanted must also fit on the disk.
    func judge(_ offer: Offer, from identity: String) async -> Judgement {
        do {
            switch try await store.judge(offer, from: identity) {
            case .duplicate:
                return .acknowledge(Ack(cell: offer.cell, outcome: .duplicate, reason: ""))
            case .refused(let reason):
                return .acknowledge(Ack(cell: offer.cell, outcome: .refused, reason: reason))
            case .wanted(let size):
                let longest = WireLimits.imageBytes(width: size.width, height: size.height)
                guard offer.bytes <= longest else {
                    let reason = "An image of this size has at most \(longest) bytes, not \(offer.bytes)."
                    return .acknowledge(Ack(cell: offer.cell, outcome: .refused, reason: reason))
                }
                guard !isShuttingDown else {
                    return .acknowledge(
                        Ack(cell: offer.cell, outcome: .later, reason: "The coordinator is shutting down."))
                }
                guard let diskProblem else { return .send(size) }
                return .acknowledge(Ack(cell: offer.cell, outcome: .later, reason: diskProblem))
            }
        } catch {
            return .acknowledge(await postpone(offer, because: error))
        }
    }

    /// Commits an image that is on the disk.
    func commit(_ offer: Offer, of size: WorkSize, from identity: String, uploadSeconds: Double) async -> Ack {
        do {
            switch try await store.commit(offer, from: identity, uploadSeconds: uploadSeconds) {
            case .stored(let position, let ended):
                let timings = offer.timings
                let seconds = timings.encode + timings.denoise + timings.decode + timings.png
                book.delivered(seconds, of: size, from: identity, now: now())
                book.finished(ended)
                events.yield(
                    .stored(cell: offer.cell, position: position, worker: name(of: identity), seconds: seconds))
                await endIfDone()
                return Ack(cell: offer.cell, outcome: .stored, reason: "")
            case .duplicate:
                return Ack(cell: offer.cell, outcome: .duplicate, reason: "")
            case .refused(let reason):
                return Ack(cell: offer.cell, outcome: .refused, reason: reason)
            }
        } catch {
            return await postpone(offer, because: error)
        }
    }

    /// Keeps an image for later because the disk or the database failed.
    func postpone(_ offer: Offer, because error: any Error) async -> Ack {
        await storageFailed(error)
        return Ack(cell: offer.cell, outcome: .later, reason: diskProblem ?? "The coordinator can't store it now.")
    }

    func failed(_ fail: Fail, from identity: String) async {
        do {
            let (parked, ended) = try await store.fail(fail, from: identity)
            book.finished(ended)
            logger.warning(
                "a worker failed a cell",
                metadata: [
                    "cell": "\(fail.cell)", "worker": "\(name(of: identity))", "reason": "\(fail.reason)",
                    "parked": "\(parked != nil)",
                ])
            guard let position = parked else { return }
            events.yield(.failed(cell: fail.cell, position: position, reason: fail.reason))
            await endIfDone()
        } catch {
            untold.append((fail, identity))
            await storageFailed(error)
        }
    }

    func released(_ lease: LeaseID, by identity: String) async {
        guard book.leases(of: identity).contains(lease) else { return }
        book.finished([lease])
        await write([LeaseBook.Ended(lease: lease, ending: .released, blamed: nil, reason: "the worker gave it back")])
    }

    func left(_ connection: WorkerConnection, identity: String, saidGoodbye: Bool, why: String) async {
        guard let guest = guests.removeValue(forKey: connection.id) else { return }
        let ended = book.left(identity, on: connection.id, saidGoodbye: saidGoodbye, now: now())
        await write(ended)
        logger.info("worker left", metadata: ["worker": "\(guest.name)", "why": "\(why)"])
        events.yield(.workerLeft(name: guest.name))
        let isBack = guests.values.contains { $0.identity == identity }
        if !isBack {
            strayed[identity] = saidGoodbye ? nil : now()
            do {
                try await store.disconnected(identity: identity, why: why)
            } catch {
                await storageFailed(error)
            }
        }
        endIfDrained()
    }

    // MARK: - What people say

    func pause(_ pause: Bool) async {
        isPaused = pause
        await publish()
    }

    /// Grants nothing more and tells every worker so; the coordinator ends when they have delivered.
    func drain(_ reason: String) async {
        guard drainReason == nil else { return }
        drainReason = reason
        for guest in guests.values { guest.connection.notify(.drain(reason)) }
        await publish()
        endIfDrained()
    }

    func retryFailed() async throws -> Int {
        retries += 1
        return try await store.retryFailed()
    }

    /// Grants nothing more and takes no more offers. Leases stay: the workers may come back for them.
    func shutDown() {
        isShuttingDown = true
    }

    /// A status with what the database could not be told: a full disk keeps it from being written that it is full.
    func completed(_ status: SweepStatus) -> SweepStatus {
        guard let diskProblem, status.state == .running || status.state == .paused else { return status }
        var status = status
        status.state = .diskFull
        status.message = diskProblem
        return status
    }

    // MARK: - What time says

    /// Called every second or so.
    func tick() async {
        for (id, guest) in guests {
            let vitals = guest.connection.vitals
            book.heard(guest.identity, on: id, at: vitals.isBusy ? now() : vitals.heardAt)
            // Nobody can move on while nothing can be stored.
            let movedAt = diskProblem == nil ? vitals.uploadedAt : now()
            if let movedAt { book.progressed(guest.identity, on: id, at: movedAt) }
        }
        sendAwayRevoked()
        let ticked = book.tick(now: now())
        for id in ticked.silent { guests[id]?.connection.cut() }
        let overdue = unwritten
        unwritten = []
        // First, because a failure counts only while its lease is live.
        let failures = untold
        untold = []
        for (fail, identity) in failures { await failed(fail, from: identity) }
        await write(overdue + ticked.ended)
        for request in directory.takeRequests() { await take(request) }
        await checkDisk()
        await publish()
        await endIfDone()
        endIfDrained()
    }

    /// Cuts off who came in with a token that has been revoked since; the next hello is told why.
    private func sendAwayRevoked() {
        let revoked = tokens.revoked
        guard !revoked.isEmpty else { return }
        for guest in guests.values where revoked.contains(guest.token) { guest.connection.cut() }
    }

    /// Drains when the sweep is over and nobody wants the coordinator to stay.
    func endIfDone() async {
        guard settings.exitsWhenDone, isIdle else { return }
        let retriesBefore = retries
        guard let isUnfinished = try? await store.isUnfinished(), !isUnfinished else { return }
        // Cells may have been retried, and granted, while the database was asked.
        guard isIdle, retries == retriesBefore else { return }
        await drain("Every cell is done.")
    }

    /// Whether nobody holds anything and nothing waits to be written down, while grants go on.
    private var isIdle: Bool {
        drainReason == nil && book.isEmpty && unwritten.isEmpty && untold.isEmpty
    }

    /// The disk or the database failed: nothing is granted until there is room again.
    private func storageFailed(_ error: any Error) async {
        let problem = store.explain(error)
        logger.error("storage failed", metadata: ["error": "\(problem)"])
        diskProblem = WireText.line("The coordinator can't store images now. \(problem)")
        await publish()
    }

    private func checkDisk() async {
        guard let room = await images.room() else { return }
        if room < settings.lowWaterBytes {
            diskProblem = """
                The disk of the coordinator is full: \(room >> 20) MiB are free in \(directory.url.path), \
                \(settings.lowWaterBytes >> 20) MiB are needed.
                """
        } else if unwritten.isEmpty, untold.isEmpty {
            diskProblem = nil
        }
    }

    private var reasonToWait: String? {
        if isShuttingDown { return "The coordinator is shutting down." }
        if let diskProblem { return diskProblem }
        return isPaused ? "The sweep is paused." : nil
    }

    private func take(_ request: SweepRequest) async {
        logger.info("request", metadata: ["request": "\(request.rawValue)"])
        switch request {
        case .retryFailed:
            do { _ = try await retryFailed() } catch { await storageFailed(error) }
        case .pause: await pause(true)
        case .resume: await pause(false)
        case .drain: await drain("The sweep is drained.")
        }
    }

    private func publish() async {
        let state: SweepStatus.State =
            drainReason != nil ? .draining : diskProblem != nil ? .diskFull : isPaused ? .paused : .running
        let message = state == .diskFull ? diskProblem : drainReason
        guard published != (state, message) else { return }
        published = (state, message)
        events.yield(.state(state, message: message))
        do {
            try await store.publish(state, message: message)
        } catch {
            // Told again at the next tick.
            published = (.stopped, nil)
        }
    }

    private func endIfDrained() {
        guard drainReason != nil, !isShuttingDown else { return }
        guard book.isEmpty else {
            emptySince = nil
            return
        }
        let since = emptySince ?? now()
        emptySince = since
        // Whoever comes back to an address that nobody serves would try for ever.
        strayed = strayed.filter { now() - $0.value < Self.longestReturn }
        if guests.isEmpty && strayed.isEmpty || now() - since > settings.farewell { onEnd() }
    }

    private func write(_ ended: [LeaseBook.Ended]) async {
        for ending in ended {
            do {
                let parked = try await store.end(
                    ending.lease, ending.ending, blaming: ending.blamed, reason: ending.reason)
                logger.info("lease ended", metadata: ["lease": "\(ending.lease)", "reason": "\(ending.reason)"])
                events.yield(.leaseEnded(reason: ending.reason))
                if let parked { events.yield(.failed(cell: parked, position: nil, reason: ending.reason)) }
            } catch {
                unwritten.append(ending)
                await storageFailed(error)
            }
        }
    }

    private func name(of identity: String) -> String {
        guests.values.first { $0.identity == identity }?.name ?? "a worker"
    }
}
