import Synchronization

/// Counts the connections that have not shown the secret yet.
final class Doorkeeper: Sendable {
    private let limit: Int
    private let waiting = Mutex(0)

    init(limit: Int) {
        self.limit = limit
    }

    /// - Returns: Whether there is room for one more stranger.
    func enter() -> Bool {
        waiting.withLock { count in
            guard count < limit else { return false }
            count += 1
            return true
        }
    }

    /// A stranger was let in or has gone.
    func leave() {
        waiting.withLock { $0 -= 1 }
    }
}
