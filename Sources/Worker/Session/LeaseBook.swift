import SharedModel

/// The leases that the worker holds and what each still owes: rendering, delivering, or giving back.
struct LeaseBook {
    private enum Phase {
        case queued, rendering, rendered
    }

    private struct Held {
        /// `nil`: taken over from an earlier run, which rendered only what is in the spool.
        let grant: Grant?
        var phase: Phase
        /// Cells that are neither delivered nor reported as failed.
        var undone: Set<CellKey>
        /// Cells whose image or failure the coordinator does not know yet.
        var undelivered: Set<CellKey> = []
        var isLost = false
        /// Its last cell was done by another lease, so the coordinator may not know that it is over.
        var isDoneElsewhere = false
        var isOnLastGroup = false
    }

    private var held: [LeaseID: Held] = [:]
    /// In the order of the grants.
    private(set) var leases: [LeaseID] = []

    init(leftovers: [SpoolEntry]) {
        for entry in leftovers {
            if held[entry.lease] == nil {
                leases.append(entry.lease)
                held[entry.lease] = Held(grant: nil, phase: .rendered, undone: [])
            }
            held[entry.lease]?.undelivered.insert(entry.cell)
        }
    }

    /// The leases to resume: those that are not known to be lost.
    var live: [LeaseID] {
        leases.filter { held[$0]?.isLost == false }
    }

    var isRendering: Bool {
        held.values.contains { $0.phase == .rendering }
    }

    /// Whether nothing is rendered or waits to be.
    var isIdle: Bool {
        held.values.allSatisfy { $0.phase == .rendered }
    }

    /// Whether the engine has nothing to go on with, or soon will not have.
    var wantsAnother: Bool {
        held.values.allSatisfy { $0.phase == .rendered || ($0.phase == .rendering && $0.isOnLastGroup) }
    }

    mutating func add(_ grant: Grant) {
        guard held[grant.lease] == nil else { return }
        leases.append(grant.lease)
        held[grant.lease] = Held(grant: grant, phase: .queued, undone: Set(grant.cells.map(\.key)))
    }

    /// Begins the oldest queued lease, if nothing is rendered.
    ///
    /// - Parameter spooled: Whether a cell's image is in the spool already, from an earlier lease.
    /// - Returns: The grant to render and the cells of it to leave out: what is in the spool, or delivered from there.
    mutating func beginNext(spooled: (CellKey) -> Bool) -> (grant: Grant, skipped: Set<CellKey>)? {
        guard !isRendering, let lease = leases.first(where: { held[$0]?.phase == .queued }),
            let grant = held[lease]?.grant
        else { return nil }
        let waiting = Set(grant.cells.map(\.key).filter(spooled))
        // While it was queued, cells may have been delivered under a lease from before.
        let done = Set(grant.cells.map(\.key)).subtracting(held[lease]?.undone ?? [])
        held[lease]?.phase = .rendering
        held[lease]?.undelivered = waiting
        return (grant, waiting.union(done))
    }

    mutating func onLastGroup(_ lease: LeaseID) {
        held[lease]?.isOnLastGroup = true
    }

    mutating func ended(_ lease: LeaseID) {
        held[lease]?.phase = .rendered
    }

    /// An image or a failure of `lease` waits to be told.
    mutating func owes(_ cell: CellKey, under lease: LeaseID) {
        held[lease]?.undelivered.insert(cell)
    }

    /// The coordinator has been told of a cell.
    ///
    /// - Parameters:
    ///   - cell: Which.
    ///   - isDone: Whether nothing is left to be done about it.
    mutating func told(_ cell: CellKey, isDone: Bool) {
        for lease in leases {
            held[lease]?.undelivered.remove(cell)
            if isDone { held[lease]?.undone.remove(cell) }
        }
    }

    /// The coordinator had the image of a cell already.
    mutating func wasDoneElsewhere(_ cell: CellKey) {
        for lease in leases where held[lease]?.undone == [cell] { held[lease]?.isDoneElsewhere = true }
        told(cell, isDone: true)
    }

    /// The lease that the worker holds for a cell which is not done, or `nil`.
    func holder(of cell: CellKey) -> LeaseID? {
        leases.last { held[$0]?.isLost == false && held[$0]?.undone.contains(cell) == true }
    }

    /// Takes note that leases are no longer the worker's.
    ///
    /// - Returns: Those of them that are being rendered.
    mutating func lose(_ lost: some Sequence<LeaseID>) -> [LeaseID] {
        var rendering: [LeaseID] = []
        for lease in lost {
            held[lease]?.isLost = true
            switch held[lease]?.phase {
            case .rendering: rendering.append(lease)
            case .queued: held[lease]?.phase = .rendered
            case .rendered, nil: break
            }
        }
        return rendering
    }

    /// Gives up what is not begun.
    mutating func dropQueued() {
        for lease in leases where held[lease]?.phase == .queued { held[lease]?.phase = .rendered }
    }

    /// Forgets the leases that owe nothing any more.
    ///
    /// - Returns: Those of them that must be given back, because some of their cells are undone or because the
    ///   coordinator may take them for unfinished.
    mutating func settle() -> [LeaseID] {
        var returned: [LeaseID] = []
        for lease in leases {
            guard let entry = held[lease], entry.phase == .rendered, entry.undelivered.isEmpty else { continue }
            // What an earlier run left undone of its lease is not known, but most likely something.
            let mayBeOpen = entry.grant == nil || !entry.undone.isEmpty || entry.isDoneElsewhere
            if !entry.isLost, mayBeOpen { returned.append(lease) }
            held[lease] = nil
        }
        leases.removeAll { held[$0] == nil }
        return returned
    }
}
