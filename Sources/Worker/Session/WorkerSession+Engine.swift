import SharedModel

/// What the engine and the spool say.
extension WorkerSession {
    mutating func reported(_ report: RenderReport) -> [SessionAction] {
        if case .over = connection { return [] }
        var actions: [SessionAction] = []
        switch report {
        case .onLastGroup(let lease):
            leases.onLastGroup(lease)
        case .spooled(let entry):
            leases.owes(entry.cell, under: entry.lease)
            deliveries.add(entry)
            actions = [.tell(.rendered(entry.cell, entry.timings))]
        case .previewed(let preview):
            return show(preview)
        case .trouble(let reason):
            return [.tell(.trouble(reason))]
        case .failed(let lease, let cell, let reason):
            actions = [.tell(.failed(cell, reason: reason))] + fail(cell, under: lease, reason)
        case .spoolBroken(_, let reason):
            leases.dropQueued()
            actions = [.tell(.trouble(reason))] + pauseClaims(for: configuration.spoolPause)
        case .unusable(let lease, let error):
            actions = [.tell(.trouble("\(error)"))] + unusable(lease, because: error)
        case .ended(let lease):
            leases.ended(lease)
        }
        return actions + goOn()
    }

    /// This host can't render the model of a lease, but perhaps others: the lease goes back with the reason.
    private mutating func unusable(_ lease: LeaseID, because error: WorkerError) -> [SessionAction] {
        unable[lease] = "\(error)"
        hostProblem = error
        unableInARow += 1
        guard unableInARow >= configuration.longestInability else { return [] }
        failure = failure ?? error
        leases.dropQueued()
        return []
    }

    /// A preview is worth something at once or not at all, and only while the cell is the worker's.
    private func show(_ preview: Preview) -> [SessionAction] {
        guard case .ready = connection, leases.holder(of: preview.cell) != nil else { return [] }
        return [.show(preview)]
    }

    /// The spool gave back the image at the front.
    mutating func loaded(_ cell: CellKey) -> [SessionAction] {
        guard case .ready = connection, let entry = deliveries.move(cell, from: .loading, to: .offered) else {
            return []
        }
        return [.send(.offer(entry.offer))]
    }

    /// The spool has lost the image at the front; its cell goes back with its lease.
    mutating func unreadable(_ cell: CellKey) -> [SessionAction] {
        guard let entry = deliveries.drop(cell) else { return [] }
        leases.told(cell, isDone: false)
        return [.delete(entry)] + goOn()
    }

    /// The network took a part of an image. Beats wait in line behind it, so a slow line is no silence.
    mutating func uploadAdvanced() {
        unansweredBeats = 0
    }

    /// The last chunk of an image is on its way.
    mutating func sent(_ cell: CellKey) -> [SessionAction] {
        deliveries.sent(cell) ? goOn() : []
    }

    mutating func fail(_ cell: CellKey, under lease: LeaseID, _ reason: String) -> [SessionAction] {
        let fail = Fail(lease: lease, cell: cell, reason: WireText.line(reason))
        guard case .ready = connection else {
            failures.append(fail)
            leases.owes(cell, under: lease)
            return []
        }
        leases.told(cell, isDone: true)
        return [.send(.fail(fail))]
    }
}
