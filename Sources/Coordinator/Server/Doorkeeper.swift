import Synchronization

/// Counts the connections that have not shown the secret yet.
///
/// When there are too many, one that has waited for long makes room: a worker says hello within moments, and who holds
/// all places without a word must not keep workers out.
final class Doorkeeper: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// What becomes of a stranger at the door.
    enum Entry: Equatable, Sendable {
        case enters
        /// It takes the place of one that must be cut.
        case replaces(LeaseBook.ConnectionID)
        case isTurnedAway
    }

    private let limit: Int
    private let patience: Duration
    /// Who waits, and since when.
    private let waiting = Mutex<[LeaseBook.ConnectionID: Instant]>([:])

    /// - Parameters:
    ///   - limit: Most strangers at a time.
    ///   - patience: How long a place is safe from newcomers.
    init(limit: Int, patience: Duration) {
        self.limit = limit
        self.patience = patience
    }

    func enter(_ stranger: LeaseBook.ConnectionID, now: Instant) -> Entry {
        waiting.withLock { waiting in
            guard waiting.count >= limit else {
                waiting[stranger] = now
                return .enters
            }
            guard let oldest = waiting.min(by: { $0.value < $1.value }), now - oldest.value >= patience else {
                return .isTurnedAway
            }
            waiting[oldest.key] = nil
            waiting[stranger] = now
            return .replaces(oldest.key)
        }
    }

    /// A stranger was let in or has gone; more than one call does no harm.
    func leave(_ stranger: LeaseBook.ConnectionID) {
        waiting.withLock { $0[stranger] = nil }
    }
}
