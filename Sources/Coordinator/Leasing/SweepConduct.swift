import SharedModel

/// Whether anything is granted at all, why not, and when the coordinator may go.
///
/// Decisions without I/O and without a clock, like ``LeaseBook``'s, about the sweep as a whole.
struct SweepConduct: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// The longest that a worker waits before it connects again, and time to do so.
    private static let longestReturn = Duration.seconds(15)

    /// How long a worker that was taken for dead has to show that it lives: longer than lines are cut and hosts sleep, mostly.
    static let doubt = Duration.seconds(300)
    private static let doubtful = """
        A cell was parked because a worker was not heard of; should that worker come back within five minutes, the cell is \
        rendered after all, and the sweep does not end before.
        """

    var isPaused = false
    /// The process is about to end: nothing is granted and no offer taken, but leases stay.
    var isShuttingDown = false
    /// Why nothing more is granted, for good.
    private(set) var drainReason: String?
    /// Why nothing can be stored now.
    var diskProblem: String?
    /// A sentence about cells that no worker can render.
    var warning: String?
    /// Workers that left without a goodbye while nothing was told to them, and when.
    private var strayed: [String: Instant] = [:]
    private var emptySince: Instant?
    /// Workers whose death parked a cell, as far as one can tell without having seen it, and until when that may prove wrong.
    private var doubted: [String: Instant] = [:]

    /// How the sweep stands, as people see it.
    var state: SweepStatus.State {
        drainReason != nil ? .draining : diskProblem != nil ? .diskFull : isPaused ? .paused : .running
    }

    /// What people should know.
    var message: String? {
        state == .diskFull ? diskProblem : drainReason ?? warning ?? (mayDrain ? nil : Self.doubtful)
    }

    /// Why a claim must wait; `nil` when cells may be granted.
    var reasonToWait: String? {
        if isShuttingDown { return "The coordinator is shutting down." }
        if let diskProblem { return diskProblem }
        return isPaused ? "The sweep is paused." : nil
    }

    /// Why an offer must wait; `nil` when images may be stored.
    var reasonToOfferLater: String? {
        isShuttingDown ? "The coordinator is shutting down." : diskProblem
    }

    /// Grants nothing more.
    ///
    /// - Returns: Whether that is news.
    mutating func drain(_ reason: String) -> Bool {
        guard drainReason == nil else { return false }
        drainReason = reason
        return true
    }

    /// A worker is there and can be told that nothing more is granted.
    mutating func joined(_ identity: String) {
        strayed[identity] = nil
    }

    /// The last connection of a worker ended.
    mutating func left(_ identity: String, saidGoodbye: Bool, now: Instant) {
        strayed[identity] = saidGoodbye ? nil : now
    }

    /// A cell was parked because a worker was not heard of.
    mutating func doubt(_ identity: String, now: Instant) {
        doubted[identity] = now + Self.doubt
    }

    /// A worker is back, and what its cells were blamed for has been taken back if it lives.
    mutating func settle(_ identity: String) {
        doubted[identity] = nil
    }

    /// Time has passed.
    mutating func tick(now: Instant) {
        doubted = doubted.filter { now < $0.value }
    }

    /// Whether a sweep that has nothing left to render may be called done: a worker that lives would bring a parked cell back.
    var mayDrain: Bool { doubted.isEmpty }

    /// Whether a drained coordinator may end: nobody holds anything, and everybody has heard of it or had the time to.
    ///
    /// Whoever comes back to an address that nobody serves would try for ever.
    ///
    /// - Parameters:
    ///   - isEmpty: Whether nobody holds a lease.
    ///   - hasGuests: Whether any worker is connected.
    ///   - farewell: How long the workers have for their goodbye.
    ///   - now: The time.
    /// - Returns: Whether it is time to end.
    mutating func mayEnd(isEmpty: Bool, hasGuests: Bool, farewell: Duration, now: Instant) -> Bool {
        guard drainReason != nil, !isShuttingDown else { return false }
        guard isEmpty else {
            emptySince = nil
            return false
        }
        let since = emptySince ?? now
        emptySince = since
        strayed = strayed.filter { now - $0.value < Self.longestReturn }
        return !hasGuests && strayed.isEmpty || now - since > farewell
    }
}
