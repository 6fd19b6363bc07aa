/// What a worker has shown of itself, kept while it comes and goes.
struct WorkerRecord: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// How it became clear that a worker is sick, and how long it is left alone.
    struct Rules: Equatable, Sendable {
        /// Failures in a row, without an image between them, that others' images turn into a quarantine.
        var failures = 5
        /// The first quarantine; each one that follows without an image in between is twice as long.
        var shortest = Duration.seconds(60)
        var longest = Duration.seconds(3600)
    }

    private(set) var pace = Pace()
    /// When its latest image came.
    private(set) var deliveredAt: Instant?
    private var failures = 0
    private var failingSince: Instant?
    private var quarantines = 0
    private var isolatedUntil: Instant?
    /// How long its latest quarantine was to be.
    private var lastQuarantine = Duration.zero

    /// How often it failed since its latest image.
    var failuresInARow: Int { failures }

    /// Whether it must show with one cell that it is well again.
    var isOnTrial: Bool { quarantines > 0 }

    /// An image came; whatever was wrong is over.
    mutating func delivered(_ seconds: Double, of size: WorkSize, now: Instant) {
        pace.add(seconds, for: size)
        deliveredAt = now
        (failures, failingSince, quarantines, isolatedUntil) = (0, nil, 0, nil)
    }

    /// A cell failed, or a lease ended with the worker.
    ///
    /// - Parameters:
    ///   - othersDeliveredAt: When another worker delivered last.
    ///   - rules: What is too much.
    ///   - now: The time.
    mutating func failed(othersDeliveredAt: Instant?, rules: Rules, now: Instant) {
        failures += 1
        let since = failingSince ?? now
        failingSince = since
        // On trial the first failure is one too many.
        guard failures >= rules.failures || isOnTrial, let othersDeliveredAt, othersDeliveredAt >= since else {
            return
        }
        lastQuarantine = min(rules.shortest * (1 << min(quarantines, 16)), rules.longest)
        quarantines += 1
        isolatedUntil = now + lastQuarantine
    }

    /// How long the worker is still left alone; `nil` when it may have cells.
    func isolation(at now: Instant) -> Duration? {
        isolatedUntil.flatMap { $0 > now ? $0 - now : nil }
    }

    /// Time of which nobody can know anything has passed; what began after it lasts no longer for that.
    mutating func postpone(by gap: Duration, now: Instant) {
        isolatedUntil = isolatedUntil.map { min($0 + gap, now + lastQuarantine) }
    }
}
