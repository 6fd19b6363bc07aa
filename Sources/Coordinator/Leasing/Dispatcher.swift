import Foundation
import Logging
import SharedModel

/// Carries out what the lease book and the sweep's conduct decide: the one place where sessions, leases, the database and
/// the disk's state meet.
///
/// It decides nothing itself. What workers say is in `Dispatcher+Work.swift`, what is written down, now or later, in
/// `Dispatcher+Records.swift`, and what people and time say is here.
actor Dispatcher {
    struct Guest {
        var connection: any WorkerLine
        var identity: String
        var name: String
        /// SHA-256 of the secret that let it in.
        var token: String
        /// What it has shown last of the image that it renders, with a number that no other such picture has.
        var preview: (picture: Preview, number: Int)?
    }

    /// What the dispatcher does not do itself, so that a simulation can do it its way.
    struct Surroundings: Sendable {
        var now: @Sendable () -> ContinuousClock.Instant = { .now }
        var makeLease: @Sendable () -> LeaseID = {
            var generator = SystemRandomNumberGenerator()
            return LeaseID(using: &generator)
        }
    }

    let store: SweepStore
    let settings: CoordinatorServer.Settings
    /// The sweep's name.
    let sweep: String
    /// What workers may show their images with before they are finished.
    let previewFile: PreviewFile?
    let tokens: TokenRegistry
    let logger: Logger
    let surroundings: Surroundings
    let events: AsyncStream<ProgressEvent>.Continuation
    private let images: ImageStore
    private let directory: SweepDirectory
    private let onEnd: @Sendable () -> Void

    var book: LeaseBook
    var conduct = SweepConduct()
    var fitness: Fitness
    var lives = ProcessLives()
    var guests: [LeaseBook.ConnectionID: Guest] = [:]
    /// How many previews have come.
    var previewCount = 0
    /// Cells that nobody holds, counted now and then and no further than ``pendingCounted``.
    var pending = 0
    /// Failures of cells that the database could not be told.
    var untold: [(fail: Fail, identity: String)] = []
    /// Leases that are over, but the database has not been told.
    var unwritten: [LeaseBook.Ended] = []
    /// Leases of workers that live, but the database could not be told.
    var unabsolved: [(leases: [LeaseID], identity: String)] = []
    /// Workers that are gone, and why; but the database has not been told, or they are just coming back.
    var departed: [String: String] = [:]
    /// Connections of each worker whose hello is being looked at.
    var arriving: [String: Int] = [:]
    /// Workers of which the database does not know yet which cells they can't render.
    var unfitted: Set<String> = []
    /// What workers' rows say about their quarantine.
    private var remarks: [String: String] = [:]
    private var published: (SweepStatus.State, String?) = (.running, nil)
    /// How often failed cells were to be tried again.
    private var retries = 0

    /// With more cells pending than this, nobody's share is small.
    private static let pendingCounted = 20_000

    init(
        store: SweepStore, images: ImageStore, directory: SweepDirectory, settings: CoordinatorServer.Settings,
        sweep: String, preview: PreviewFile? = nil, leftovers: [LiveAttempt], tokens: TokenRegistry, logger: Logger,
        events: AsyncStream<ProgressEvent>.Continuation,
        surroundings: Surroundings = Surroundings(), onEnd: @escaping @Sendable () -> Void
    ) {
        self.store = store
        self.images = images
        self.directory = directory
        self.settings = settings
        self.sweep = sweep
        previewFile = preview
        self.tokens = tokens
        self.logger = logger
        self.events = events
        self.surroundings = surroundings
        self.onEnd = onEnd
        book = LeaseBook(timeouts: settings.timeouts)
        fitness = Fitness(isAssessing: settings.assess != nil, now: surroundings.now())
        book.restore(leftovers, now: surroundings.now())
    }

    // MARK: - What people say

    func pause(_ pause: Bool) async {
        conduct.isPaused = pause
        await publish()
    }

    /// Grants nothing more and tells every worker so; the coordinator ends when they have delivered.
    func drain(_ reason: String) async {
        guard conduct.drain(reason) else { return }
        for (_, guest) in guests.sorted(by: { $0.key < $1.key }) { guest.connection.notify(.drain(reason)) }
        await publish()
        endIfDrained()
    }

    func retryFailed() async throws -> Int {
        retries += 1
        let count = try await store.retryFailed()
        await countPending()
        return count
    }

    /// Grants nothing more and takes no more offers. Leases stay: the workers may come back for them.
    func shutDown() {
        conduct.isShuttingDown = true
    }

    /// How the sweep stands, with what the database is not told: what the workers do right now, and that the disk is too
    /// full to write that it is full.
    func status() async throws -> SweepStatus {
        var status = try await store.status()
        if let diskProblem = conduct.diskProblem, status.state == .running || status.state == .paused {
            status.state = .diskFull
            status.message = diskProblem
        }
        let progress = Dictionary(
            guests.values.compactMap { guest in book.progress(of: guest.identity).map { (guest.name, $0) } },
            uniquingKeysWith: { first, _ in first })
        let previews = Dictionary(
            guests.values.compactMap { guest in guest.preview.map { (guest.name, $0) } },
            uniquingKeysWith: { first, _ in first })
        let now = surroundings.now()
        let suspicions = Dictionary(
            guests.values.compactMap { guest in book.suspicion(of: guest.identity, now: now).map { (guest.name, $0) } },
            uniquingKeysWith: { first, _ in first })
        let positions = try await store.positions(of: progress.values.compactMap(\.cell))
        for index in status.workers.indices {
            guard let suspicion = suspicions[status.workers[index].name] else { continue }
            (status.workers[index].state, status.workers[index].note) = (.suspect, suspicion)
        }
        for index in status.workers.indices {
            guard let progress = progress[status.workers[index].name],
                let position = progress.cell.flatMap({ positions[$0] })
            else { continue }
            let shown = previews[status.workers[index].name]
            status.workers[index].rendering = SweepStatus.Worker.Rendering(
                position: position, step: progress.step, steps: progress.steps,
                preview: shown?.picture.cell == progress.cell ? shown?.number : nil)
        }
        return status
    }

    // MARK: - What time says

    /// Called every second or so, also while ``tick()`` waits for the disk.
    func pulse() {
        book.pulse(now: surroundings.now())
    }

    /// Called every second or so.
    func tick() async {
        let now = surroundings.now()
        for (id, guest) in guests {
            let vitals = guest.connection.vitals
            book.heard(guest.identity, on: id, at: vitals.isBusy ? now : vitals.heardAt)
            // Nobody can move on while nothing can be stored.
            let movedAt = conduct.diskProblem == nil ? vitals.uploadedAt : now
            if let movedAt { book.progressed(guest.identity, on: id, at: movedAt) }
        }
        sendAwayRevoked()
        conduct.tick(now: now)
        let ticked = book.tick(now: now)
        for id in ticked.silent { guests[id]?.connection.cut() }
        // First, because a failure counts only while its lease is live.
        let failures = untold
        untold = []
        for (fail, identity) in failures { await failed(fail, from: identity) }
        await write(ticked.ended)
        await writeAbsolutions()
        await writeDepartures()
        for request in directory.takeRequests() { await take(request) }
        await takePriorities()
        await checkDisk()
        await writeMisfits()
        await countPending()
        await writeRemarks()
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
        guard settings.exitsWhenDone, isIdle, conduct.mayDrain else { return }
        let retriesBefore = retries
        guard let isUnfinished = try? await store.isUnfinished(), !isUnfinished else { return }
        // Cells may have been retried, and granted, while the database was asked.
        guard isIdle, retries == retriesBefore else { return }
        await drain("Every cell is done.")
    }

    func endIfDrained() {
        let mayEnd = conduct.mayEnd(
            isEmpty: book.isEmpty, hasGuests: !guests.isEmpty, farewell: settings.farewell, now: surroundings.now())
        if mayEnd { onEnd() }
    }

    /// The disk or the database failed: nothing is granted until there is room again.
    func storageFailed(_ error: any Error) async {
        let problem = store.explain(error)
        logger.error("storage failed", metadata: ["error": "\(problem)"])
        conduct.diskProblem = WireText.line("The coordinator can't store images now. \(problem)")
        await publish()
    }

    func name(of identity: String) -> String {
        guests.values.first { $0.identity == identity }?.name ?? "a worker"
    }

    /// Whether nobody holds anything and nothing waits to be written down, while grants go on.
    private var isIdle: Bool {
        conduct.drainReason == nil && book.isEmpty && unwritten.isEmpty && unabsolved.isEmpty && untold.isEmpty
    }

    private func checkDisk() async {
        guard let room = await images.room() else { return }
        if let problem = room.problem(lowWaterBytes: settings.lowWaterBytes, path: directory.url.path) {
            conduct.diskProblem = problem
        } else if unwritten.isEmpty, untold.isEmpty {
            conduct.diskProblem = nil
        }
    }

    /// Advises only; a database that can't be read is found out elsewhere.
    private func countPending() async {
        if let count = try? await store.pendingCount(upTo: Self.pendingCounted) { pending = count }
        await lookForUnrenderable()
    }

    /// Says at once when cells wait that nobody who is there can render, and when they don't any more.
    func lookForUnrenderable() async {
        let warning: String?
        do { warning = try await store.unrenderable() } catch { return }
        guard warning != conduct.warning else { return }
        conduct.warning = warning
        if let warning {
            logger.warning("cells wait for another worker", metadata: ["reason": "\(warning)"])
        } else {
            logger.info("no cell waits for another worker any more")
        }
        await publish()
    }

    /// Learns what the sweep's cells need, and holds it against the workers that are there already.
    ///
    /// - Parameter assess: Tells it of one use; an error leaves it unknown.
    func assess(_ assess: @escaping @Sendable (ModelUse) async throws -> ModelNeed) async {
        var requirements = (try? await store.requirements()) ?? []
        for index in requirements.indices {
            do {
                requirements[index].need = try await assess(requirements[index].use)
            } catch {
                logger.info(
                    "what a model needs is not known",
                    metadata: ["model": "\(requirements[index].use.name)", "reason": "\(error)"])
            }
        }
        fitness.assessed(requirements)
        unfitted = Set(guests.values.map(\.identity))
        await writeMisfits()
        await lookForUnrenderable()
    }

    /// Writes down what the workers can't render of which the database does not know.
    func writeMisfits() async {
        for identity in unfitted.sorted() {
            do {
                try await store.setMisfits(fitness.misfits(of: identity), of: identity)
                unfitted.remove(identity)
            } catch {
                return await storageFailed(error)
            }
        }
    }

    private func writeRemarks() async {
        let now = surroundings.now()
        for identity in Set(remarks.keys).union(book.connectedIdentities).sorted() {
            let remark = book.quarantine(of: identity, now: now)
            guard remark != remarks[identity] else { continue }
            do {
                try await store.remark(remark, on: identity)
                remarks[identity] = remark
                if let remark { events.yield(.quarantined(worker: name(of: identity), reason: remark)) }
            } catch {
                await storageFailed(error)
            }
        }
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

    /// Has granted first what people want first.
    private func takePriorities() async {
        do {
            for refusal in try await store.carryOutPriorities(of: directory) {
                logger.warning("a request can't be carried out", metadata: ["reason": "\(refusal)"])
            }
        } catch {
            await storageFailed(error)
        }
    }

    private func publish() async {
        let (state, message) = (conduct.state, conduct.message)
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
}
