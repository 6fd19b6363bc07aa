import SharedModel

/// Who holds which lease, and when silence, absence or standstill ends it.
///
/// The decisions of leasing, without I/O and without a clock: every method takes what happened and when, and returns
/// what must be done. The database stays the truth about cells; the book knows what only a live coordinator can know.
struct LeaseBook: Sendable {
    typealias Instant = ContinuousClock.Instant
    typealias ConnectionID = Int

    /// The times after which something is done; the defaults are those of a real sweep.
    struct Timeouts: Equatable, Sendable {
        /// Silence after which a connected worker's leases expire.
        var silence = Duration.seconds(30)
        /// Silence after which a worker is suspect: people are told.
        var suspicion = Duration.seconds(15)
        /// Absence after a closed connection in which a worker may come back for its leases.
        var grace = Duration.seconds(10)
        /// The same after the coordinator itself was away.
        var restartGrace = Duration.seconds(60)
        /// Shortest standstill that counts as stuck.
        var standstill = Duration.seconds(60)
        /// Standstill that counts as stuck before the worker's pace is known: it may be loading a model.
        var firstStandstill = Duration.seconds(600)
        /// Times a worker's usual time for an image after which it counts as stuck.
        var paceFactor = 8.0
        /// Time between two ticks that shows that this process was suspended.
        var clockGap = Duration.seconds(5)
        var quarantine = WorkerRecord.Rules()
    }

    /// A lease that is over, to be written down.
    struct Ended: Equatable, Sendable {
        var lease: LeaseID
        var ending: LeaseEnding
        /// The cell that was in progress when the worker crashed.
        var blamed: CellKey?
        /// Whether it was the worker's oldest lease: workers render in the order of the grants.
        var isFirst = true
        var reason: String

        /// The worker lives: what it had killed nobody.
        mutating func absolve() {
            if ending == .expired { (ending, blamed) = (.released, nil) }
        }
    }

    /// What a hello comes to.
    struct Joined: Equatable, Sendable {
        /// Leases that stay the worker's.
        var kept: [LeaseID] = []
        var ended: [Ended] = []
        /// An older connection of the same worker, to be closed.
        var superseded: ConnectionID?
    }

    /// What a tick comes to.
    struct Ticked: Equatable, Sendable {
        var ended: [Ended] = []
        /// Connections that have been silent for too long, to be closed.
        var silent: [ConnectionID] = []
    }

    /// The last word about what a worker is doing.
    struct Progress: Equatable, Sendable {
        var lease: LeaseID
        var cell: CellKey?
        var step: Int
        var steps: Int
    }

    private struct Worker {
        /// `nil` while it is away.
        var connection: ConnectionID?
        /// The latest that it was let in on.
        var latest: ConnectionID?
        var heardAt: Instant
        /// When its leases expire unless it comes back; `nil` while it is connected.
        var deadline: Instant?
        var leases: [LeaseID: Held] = [:]
        /// What to blame when a lease of an earlier coordinator ends before its worker was heard of again.
        var suspects: [LeaseID: CellKey] = [:]
        var progress: Progress?
        var progressAt: Instant
        /// Leases that were taken from it because it made no progress.
        var revoked: Set<LeaseID> = []
        /// Whether its engine was still busy with one of those when it was heard of last.
        var isStuck = false
    }

    private struct Held {
        /// `nil` when an earlier coordinator granted it.
        var size: WorkSize?
        var since: Instant
    }

    /// Most workers that are remembered while they are away.
    private static let longestMemory = 4096

    let timeouts: Timeouts
    /// By the workers' identities.
    private(set) var records: [String: WorkerRecord] = [:]
    private var workers: [String: Worker] = [:]
    private var lastPulse: Instant?
    /// Until when nobody's absence counts, because this process was suspended: the workers may have given it up meanwhile.
    private var amnesty: Instant?

    init(timeouts: Timeouts = Timeouts()) {
        self.timeouts = timeouts
    }

    /// Whether nobody holds anything.
    var isEmpty: Bool {
        workers.values.allSatisfy(\.leases.isEmpty)
    }

    /// Every lease that is live.
    var leases: Set<LeaseID> {
        Set(workers.values.flatMap(\.leases.keys))
    }

    func leases(of identity: String) -> Set<LeaseID> {
        Set(workers[identity].map { Array($0.leases.keys) } ?? [])
    }

    /// The workers that are there.
    var connectedIdentities: [String] {
        workers.filter { $0.value.connection != nil }.keys.sorted()
    }

    /// Whether another worker is there and not stuck.
    func hasCompany(_ identity: String) -> Bool {
        workers.contains { $0.key != identity && $0.value.connection != nil && !$0.value.isStuck }
    }

    /// Whether a worker still renders what was taken from it because it made no progress.
    func isStuck(_ identity: String) -> Bool {
        workers[identity]?.isStuck == true
    }

    /// How long nothing has been heard of a worker that is there; `nil` when it is away.
    func silence(of identity: String, now: Instant) -> Duration? {
        guard let worker = workers[identity], worker.connection != nil else { return nil }
        return now - worker.heardAt
    }

    /// When a worker that is there took a lease; `nil` when it is away or does not hold it.
    func renderingSince(_ identity: String, _ lease: LeaseID) -> Instant? {
        guard let worker = workers[identity], worker.connection != nil else { return nil }
        return worker.leases[lease]?.since
    }

    /// What a worker that is there said last of what it renders; `nil` when it renders nothing.
    func progress(of identity: String) -> Progress? {
        guard let worker = workers[identity], worker.connection != nil, let progress = worker.progress else {
            return nil
        }
        return worker.leases[progress.lease] == nil ? nil : progress
    }

    /// Takes over what an earlier coordinator granted, the oldest first.
    mutating func restore(_ attempts: [LiveAttempt], now: Instant) {
        for (index, attempt) in attempts.enumerated() {
            var worker = workers[attempt.identity] ?? Worker(connection: nil, heardAt: now, progressAt: now)
            worker.deadline = now + timeouts.restartGrace
            // In their order: the oldest is the one that is being rendered.
            worker.leases[attempt.lease] = Held(size: nil, since: now + .nanoseconds(index))
            worker.suspects[attempt.lease] = attempt.suspect
            workers[attempt.identity] = worker
        }
    }

    /// Whether a worker was let in on a later connection than this one: what its hello says is out of date then.
    func isOutdated(_ connection: ConnectionID, of identity: String) -> Bool {
        workers[identity]?.latest.map { connection < $0 } ?? false
    }

    /// A worker was let in and says which leases it still has.
    ///
    /// What it held and does not name is over: it lost it when it crashed, or never heard of it.
    mutating func joined(
        _ identity: String, on connection: ConnectionID, naming named: [LeaseID], now: Instant
    ) -> Joined {
        var worker = workers[identity] ?? Worker(connection: nil, heardAt: now, progressAt: now)
        var joined = Joined(superseded: worker.connection)
        let first = Self.first(of: worker)
        for lease in worker.leases.keys.sorted(by: { $0.hex < $1.hex }) {
            if named.contains(lease) {
                joined.kept.append(lease)
            } else {
                let ended = end(lease, of: &worker, first, .expired, "the worker came back without it")
                joined.ended.append(ended)
            }
        }
        if !joined.ended.isEmpty { noteFailure(of: identity, now: now) }
        worker.suspects = [:]
        worker.connection = connection
        worker.latest = connection
        worker.heardAt = now
        worker.progressAt = now
        worker.deadline = nil
        workers[identity] = worker
        return joined
    }

    /// A lease was granted to the worker behind a connection.
    ///
    /// - Returns: The lease, over already, when the worker has left or come back on another connection meanwhile: it will
    ///   never hear of the grant.
    mutating func granted(
        _ lease: LeaseID, to identity: String, on connection: ConnectionID, of size: WorkSize, now: Instant
    ) -> Ended? {
        guard var worker = workers[identity], worker.connection == connection else {
            return Ended(lease: lease, ending: .released, blamed: nil, reason: "the worker left before the grant")
        }
        if worker.leases.isEmpty { worker.progressAt = now }
        worker.leases[lease] = Held(size: size, since: now)
        workers[identity] = worker
        return nil
    }

    /// Something came over a connection, at a time that may be before `now` of the last event.
    mutating func heard(_ identity: String, on connection: ConnectionID, at instant: Instant) {
        guard let worker = workers[identity], worker.connection == connection else { return }
        workers[identity]?.heardAt = max(worker.heardAt, instant)
    }

    /// A worker moved on in a way that no beat tells: it is uploading.
    mutating func progressed(_ identity: String, on connection: ConnectionID, at instant: Instant) {
        guard let worker = workers[identity], worker.connection == connection else { return }
        workers[identity]?.progressAt = max(worker.progressAt, instant)
    }

    /// A beat came in.
    ///
    /// - Returns: The lease it names when that is no longer the worker's.
    mutating func beat(_ beat: Beat, from identity: String, now: Instant) -> [LeaseID] {
        guard var worker = workers[identity] else { return beat.lease.map { [$0] } ?? [] }
        // A worker that renders nothing now has nothing to be blamed for, whatever it said before.
        guard let lease = beat.lease, worker.leases[lease] != nil else {
            workers[identity]?.progress = nil
            workers[identity]?.isStuck = beat.lease.map(worker.revoked.contains) ?? false
            if beat.lease == nil { workers[identity]?.revoked = [] }
            return beat.lease.map { [$0] } ?? []
        }
        worker.isStuck = false
        let progress = Progress(lease: lease, cell: beat.cell, step: beat.step, steps: beat.steps)
        if progress != worker.progress {
            worker.progress = progress
            worker.progressAt = now
        }
        workers[identity] = worker
        return []
    }

    /// An image was delivered that took `seconds` to render.
    mutating func delivered(_ seconds: Double, of size: WorkSize, from identity: String, now: Instant) {
        workers[identity]?.progressAt = now
        if records[identity] == nil, records.count >= Self.longestMemory {
            // Whoever has been away for long enough to be forgotten is learnt anew.
            records = records.filter { workers[$0.key] != nil }
        }
        records[identity, default: WorkerRecord()].delivered(seconds, of: size, now: now)
    }

    /// A worker could not render a cell.
    mutating func failed(_ identity: String, now: Instant) {
        workers[identity]?.progressAt = now
        noteFailure(of: identity, now: now)
    }

    private mutating func noteFailure(of identity: String, now: Instant) {
        let others = records.filter { $0.key != identity }.compactMap(\.value.deliveredAt).max()
        records[identity, default: WorkerRecord()].failed(
            othersDeliveredAt: others, rules: timeouts.quarantine, now: now)
    }

    /// Leases that have nothing left to deliver, or that their worker gave back.
    mutating func finished(_ leases: [LeaseID]) {
        for identity in workers.keys {
            for lease in leases { workers[identity]?.leases[lease] = nil }
        }
    }

    /// A connection ended.
    ///
    /// - Returns: What is over at once, because the worker said goodbye.
    mutating func left(
        _ identity: String, on connection: ConnectionID, saidGoodbye: Bool, now: Instant
    ) -> [Ended] {
        guard var worker = workers[identity], worker.connection == connection else { return [] }
        worker.connection = nil
        guard saidGoodbye else {
            worker.deadline = max(now + timeouts.grace, amnesty ?? now)
            workers[identity] = worker
            return []
        }
        let ended = endAll(of: &worker, .released, "the worker said goodbye")
        workers[identity] = nil
        return ended
    }

    /// This process runs. Called every second or so, whatever else takes its time.
    ///
    /// When it has not been called for long, this process was suspended: then nobody could be heard, and every deadline
    /// moves by as much.
    mutating func pulse(now: Instant) {
        defer { lastPulse = now }
        if let lastPulse, now - lastPulse > timeouts.clockGap { postpone(by: now - lastPulse, now: now) }
    }

    /// Time has passed. Called every second or so.
    mutating func tick(now: Instant) -> Ticked {
        pulse(now: now)
        var ticked = Ticked()
        for identity in workers.keys.sorted() {
            guard var worker = workers[identity] else { continue }
            if let connection = worker.connection {
                if now - worker.heardAt > timeouts.silence {
                    ticked.silent.append(connection)
                    if !worker.leases.isEmpty { noteFailure(of: identity, now: now) }
                    ticked.ended += endAll(of: &worker, .expired, "the worker fell silent")
                    workers[identity] = nil
                    continue
                }
                if !worker.leases.isEmpty, now - worker.progressAt > patience(with: worker, called: identity) {
                    noteFailure(of: identity, now: now)
                    worker.revoked.formUnion(worker.leases.keys)
                    worker.isStuck = true
                    ticked.ended += endAll(of: &worker, .revoked, "the worker made no progress")
                    workers[identity] = worker
                }
            } else if now >= worker.deadline ?? now {
                if !worker.leases.isEmpty { noteFailure(of: identity, now: now) }
                ticked.ended += endAll(of: &worker, .expired, "the worker did not come back")
                workers[identity] = nil
            }
        }
        return ticked
    }

    private mutating func postpone(by gap: Duration, now: Instant) {
        let end = now + timeouts.restartGrace
        amnesty = end
        for identity in workers.keys {
            guard var worker = workers[identity] else { continue }
            worker.heardAt = min(worker.heardAt + gap, now)
            worker.progressAt = min(worker.progressAt + gap, now)
            // Who left since this process woke has a deadline that knows of no gap.
            worker.deadline = worker.deadline.map { max(min($0 + gap, now + timeouts.grace), end) }
            workers[identity] = worker
        }
        for identity in records.keys { records[identity]?.postpone(by: gap, now: now) }
    }

    private func patience(with worker: Worker, called identity: String) -> Duration {
        var patience = timeouts.standstill
        for held in worker.leases.values {
            guard let size = held.size, let seconds = records[identity]?.pace.percentile95(for: size) else {
                return timeouts.firstStandstill
            }
            patience = max(patience, .seconds(seconds * timeouts.paceFactor))
        }
        return patience
    }

    private func endAll(of worker: inout Worker, _ ending: LeaseEnding, _ reason: String) -> [Ended] {
        let first = Self.first(of: worker)
        return worker.leases.keys.sorted { $0.hex < $1.hex }.map { end($0, of: &worker, first, ending, reason) }
    }

    private func end(
        _ lease: LeaseID, of worker: inout Worker, _ first: LeaseID?, _ ending: LeaseEnding, _ reason: String
    ) -> Ended {
        worker.leases[lease] = nil
        let inProgress = worker.progress.flatMap { $0.lease == lease ? $0.cell : nil } ?? worker.suspects[lease]
        return Ended(
            lease: lease, ending: ending, blamed: ending == .released ? nil : inProgress, isFirst: lease == first,
            reason: reason)
    }

    /// The lease that a worker took before its others.
    private static func first(of worker: Worker) -> LeaseID? {
        worker.leases.min { ($0.value.since, $0.key.hex) < ($1.value.since, $1.key.hex) }?.key
    }
}
