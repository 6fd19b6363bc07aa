import SharedModel

/// The cells of a history and who was granted which, as the database has it.
struct HistoryCells {
    /// The most cells of one grant.
    private static let shard = 20

    private(set) var pending = Array(0..<200)
    private var count = 200
    private var done: Set<Int> = []
    /// What every lease was granted, those that are over too.
    private var grants: [LeaseID: [Int]] = [:]
    private var live: Set<LeaseID> = []
    private var originals: [LeaseID: LeaseID] = [:]

    /// More is wanted.
    mutating func add(_ more: Int) {
        pending += count..<(count + more)
        count += more
    }

    func undone(of lease: LeaseID) -> [Int] { grants[lease]?.filter { !done.contains($0) } ?? [] }

    mutating func grant(_ lease: LeaseID, atMost limit: Int) {
        grants[lease] = Array(pending.prefix(min(limit, Self.shard)))
        pending.removeFirst(min(limit, Self.shard, pending.count))
        live.insert(lease)
    }

    /// Whether a lease may be copied: it is no copy and has none.
    func canBeCopied(_ lease: LeaseID) -> Bool {
        originals[lease] == nil && !originals.values.contains(lease)
    }

    mutating func copy(_ original: LeaseID, as lease: LeaseID) {
        grants[lease] = undone(of: original)
        originals[lease] = original
        live.insert(lease)
    }

    /// An image of the lease's first undone cell comes in.
    ///
    /// - Returns: The leases that have nothing left to deliver.
    mutating func deliver(_ lease: LeaseID) -> [LeaseID] {
        guard let cell = undone(of: lease).first else { return [] }
        done.insert(cell)
        let finished = live.filter { undone(of: $0).isEmpty }
        for lease in finished { end(lease) }
        return Array(finished)
    }

    /// A lease is over; what is undone of it is its copy's or pending again.
    mutating func end(_ lease: LeaseID) {
        live.remove(lease)
        if let copy = originals.first(where: { $0.value == lease })?.key {
            originals[copy] = nil
        } else if originals.removeValue(forKey: lease) == nil {
            pending += undone(of: lease)
        }
    }

    /// The undone cells that more of `leases` have than a lease and its copy.
    func overlaps(among leases: Set<LeaseID>) -> [Int] {
        var holders: [Int: [LeaseID]] = [:]
        for lease in leases { for cell in undone(of: lease) { holders[cell, default: []].append(lease) } }
        return holders.filter { _, leases in
            switch leases.count {
            case 1: false
            case 2: originals[leases[0]] != leases[1] && originals[leases[1]] != leases[0]
            default: true
            }
        }.keys.sorted()
    }
}
