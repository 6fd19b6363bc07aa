import SharedModel

/// How much a worker may have.
enum Allowance: Equatable, Sendable {
    case cells(atMost: Int)
    /// Nothing for now; a sentence says why.
    case nothing(because: String)
}

/// Who gets how much: a fast host must never be left waiting for a slow one at the end.
extension LeaseBook {
    /// Cells of the first leases of a worker whose pace is not known yet, when others are there.
    private static let trial = 4
    /// What a copy must save at the least, in seconds, to be worth rendering a cell twice.
    private static let smallestGain = 1.0

    /// What the worker's next lease may hold.
    ///
    /// A worker alone takes what a grant can hold. In company it takes half of its share of what is pending, measured by
    /// the workers' paces, so that leases get shorter towards the end and all workers end together (guided self-scheduling:
    /// Polychronopoulos and Kuck, IEEE Transactions on Computers C-36, 1987, with the factor of Hummel, Schonberg and
    /// Flynn's factoring, Communications of the ACM 35, 1992).
    ///
    /// - Parameters:
    ///   - identity: The worker.
    ///   - pending: Cells that nobody holds, or a lower bound of that.
    ///   - now: The time.
    /// - Returns: How many cells at the most, or why none.
    func allowance(for identity: String, pending: Int, now: Instant) -> Allowance {
        guard leases(of: identity).count < WireLimits.leases else {
            return .nothing(because: "The worker holds as many leases as it may.")
        }
        if isStuck(identity) { return .nothing(because: Self.stuck) }
        let record = records[identity]
        // Who is alone is needed, sick or not.
        guard hasCompany(identity) else { return .cells(atMost: WireLimits.grantedCells) }
        if let reason = quarantine(of: identity, now: now) { return .nothing(because: reason) }
        let company = connectedIdentities.filter { !isStuck($0) }
        if record?.isOnTrial == true { return .cells(atMost: 1) }
        guard let mean = record?.pace.mean, mean > 0 else { return .cells(atMost: Self.trial) }
        let known = company.compactMap { records[$0]?.pace.mean }.filter { $0 > 0 }.map { 1 / $0 }
        let usual = known.reduce(0, +) / Double(max(known.count, 1))
        let all = known.reduce(0, +) + usual * Double(company.count - known.count)
        let share = Double(pending) / mean / max(all, .leastNormalMagnitude) / 2
        return .cells(atMost: max(1, Int(min(share.rounded(.up), Double(WireLimits.grantedCells)))))
    }

    private static let stuck = """
        This worker's engine makes no progress, so that its cells were given to others; if it does not go on by itself, end \
        the worker and start it again.
        """

    /// The sentence that a worker that is stuck or in quarantine, and those who watch it, read; `nil` when it is neither.
    func quarantine(of identity: String, now: Instant) -> String? {
        if isStuck(identity) { return Self.stuck }
        guard let record = records[identity], record.isolation(at: now) != nil else { return nil }
        return """
            This worker failed \(record.failuresInARow) times in a row while others succeeded; look at its log. After a \
            while it is tried with one cell.
            """
    }

    /// The sentence on a worker that is connected and suspiciously silent; `nil` on any other.
    func suspicion(of identity: String, now: Instant) -> String? {
        guard let silence = silence(of: identity, now: now), silence > timeouts.suspicion else { return nil }
        return """
            Nothing has been heard of this worker for \(Int(silence / .seconds(1))) s, and after \
            \(Int(timeouts.silence / .seconds(1))) s its cells are given to others: is its host asleep, or cut off?
            """
    }

    /// Of the leases that are left at the end, the one whose copy would save most time; `nil` when none would.
    ///
    /// The holder is expected to take its median time for every cell that it still owes, less the time since its latest
    /// image; who takes three times its median for one image is expected to take as long again.
    func slowest(of tail: [TailLease], for identity: String, now: Instant) -> LeaseID? {
        let gains = tail.compactMap { lease -> (lease: LeaseID, gain: Double)? in
            guard let rest = remaining(of: lease, now: now) else { return nil }
            let median = records[lease.identity]?.pace.median(for: lease.size)
            let own = records[identity]?.pace.median(for: lease.size) ?? median ?? rest
            return (lease.lease, rest - own)
        }
        return gains.filter { $0.gain > Self.smallestGain }.max { $0.gain < $1.gain }?.lease
    }

    /// Seconds that a lease will still take; `nil` when its holder is away or nothing can be said yet.
    private func remaining(of lease: TailLease, now: Instant) -> Double? {
        guard let began = renderingSince(lease.identity, lease.lease) else { return nil }
        let waited = max(0, (now - max(began, records[lease.identity]?.deliveredAt ?? began)) / .seconds(1))
        guard let median = records[lease.identity]?.pace.median(for: lease.size) else {
            // Its first image is not there yet: it takes at least as long again.
            return waited * Double(lease.undone)
        }
        let expected = median * Double(lease.undone) - waited
        return waited > 3 * median ? max(expected, waited) : max(expected, 0)
    }
}
