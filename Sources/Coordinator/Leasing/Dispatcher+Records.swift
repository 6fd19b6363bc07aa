import Logging
import SharedModel

/// What the database is told of leases and of workers that come and go; when it can't be, it is told at a later tick.
extension Dispatcher {
    /// Writes down that leases are over, or remembers to.
    func write(_ ended: [LeaseBook.Ended]) async {
        unwritten += ended
        // While the database is asked, others take from the same list: all have been handed over when any of them is done.
        for _ in unwritten {
            guard !unwritten.isEmpty else { return }
            let ending = unwritten.removeFirst()
            do {
                let parked = try await store.end(
                    ending.lease, ending.ending, blaming: ending.blamed, isFirst: ending.isFirst,
                    reason: ending.reason)
                logger.info("lease ended", metadata: ["lease": "\(ending.lease)", "reason": "\(ending.reason)"])
                events.yield(.leaseEnded(reason: ending.reason))
                guard let parked else { continue }
                events.yield(.failed(cell: parked, position: nil, reason: ending.reason))
                if ending.ending == .expired { await doubt(holderOf: ending.lease) }
            } catch {
                unwritten.append(ending)
                await storageFailed(error)
            }
        }
    }

    /// A worker whose leases these were lives: its cells killed nobody.
    func absolve(_ leases: [LeaseID], of identity: String) async {
        // The database need not be told of deaths that were none.
        for index in unwritten.indices where leases.contains(unwritten[index].lease) { unwritten[index].absolve() }
        do {
            if !leases.isEmpty { try await store.absolve(leases, of: identity) }
            conduct.settle(identity)
        } catch {
            unabsolved.append((leases, identity))
            await storageFailed(error)
        }
    }

    /// Takes back what the database could not be told to.
    func writeAbsolutions() async {
        let overdue = unabsolved
        unabsolved = []
        for (leases, identity) in overdue { await absolve(leases, of: identity) }
    }

    /// A worker's hello is being looked at.
    func arrives(_ identity: String) {
        arriving[identity, default: 0] += 1
    }

    /// A worker's hello has been looked at; whether it was let in, `guests` tells.
    func arrived(_ identity: String) async {
        arriving[identity] = arriving[identity].flatMap { $0 > 1 ? $0 - 1 : nil }
        await writeDepartures()
    }

    /// The last connection of a worker ended, or one of several.
    func departs(_ identity: String, why: String) async {
        departed[identity] = why
        await writeDepartures()
    }

    /// Writes down who is gone, unless he is back or just coming: his row would say so while he is there.
    func writeDepartures() async {
        for (identity, why) in departed.sorted(by: { $0.key < $1.key }) where arriving[identity] == nil {
            guard departed.removeValue(forKey: identity) != nil,
                !guests.values.contains(where: { $0.identity == identity })
            else { continue }
            fitness.left(identity)
            do {
                try await store.disconnected(identity: identity, why: why)
                await lookForUnrenderable()
            } catch {
                departed[identity] = departed[identity] ?? why
                await storageFailed(error)
            }
        }
    }

    /// A cell was parked. Who is there has shown that it lost the lease; who is not may only be cut off.
    private func doubt(holderOf lease: LeaseID) async {
        guard let holder = try? await store.holder(of: lease),
            !guests.values.contains(where: { $0.identity == holder })
        else { return }
        conduct.doubt(holder, now: surroundings.now())
    }
}
