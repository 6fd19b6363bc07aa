import Glibc
import NIOCore
import Synchronization

/// Counts the connections that have not shown the secret yet.
///
/// When there are too many, one that has waited for long makes room, or one of the network that most of them come from: a
/// worker says hello within moments, and who holds all places, or takes each as soon as it is free, must not keep workers out.
final class Doorkeeper: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// What becomes of a stranger at the door.
    enum Entry: Equatable, Sendable {
        case enters
        /// It takes the place of one that must be cut.
        case replaces(LeaseBook.ConnectionID)
        case isTurnedAway
    }

    private struct Stranger {
        let origin: [UInt8]
        let since: Instant
    }

    private let limit: Int
    private let patience: Duration
    private let waiting = Mutex<[LeaseBook.ConnectionID: Stranger]>([:])

    /// - Parameters:
    ///   - limit: Most strangers at a time.
    ///   - patience: How long a place is safe from newcomers of the same network.
    init(limit: Int, patience: Duration) {
        self.limit = limit
        self.patience = patience
    }

    /// Asks for a place.
    ///
    /// - Parameters:
    ///   - stranger: Its connection.
    ///   - origin: What a host can't choose of its address: see ``origin(of:)``.
    ///   - now: Of the clock that patience goes by.
    /// - Returns: Whether it gets one, and whose.
    func enter(_ stranger: LeaseBook.ConnectionID, from origin: [UInt8], now: Instant) -> Entry {
        waiting.withLock { waiting in
            let newcomer = Stranger(origin: origin, since: now)
            guard waiting.count >= limit else {
                waiting[stranger] = newcomer
                return .enters
            }
            guard let leaving = Self.whoMakesRoom(for: newcomer, among: waiting, patience: patience) else {
                return .isTurnedAway
            }
            waiting[leaving] = nil
            waiting[stranger] = newcomer
            return .replaces(leaving)
        }
    }

    /// A stranger was let in or has gone; more than one call does no harm.
    func leave(_ stranger: LeaseBook.ConnectionID) {
        waiting.withLock { $0[stranger] = nil }
    }

    /// The address as far as its network is given to one owner: all of IPv4, of IPv6 the first 64 bits (RFC 4291).
    static func origin(of address: SocketAddress?) -> [UInt8] {
        switch address {
        case .v4(let address): return withUnsafeBytes(of: address.address.sin_addr) { Array($0) }
        case .v6(let address):
            let bytes = withUnsafeBytes(of: address.address.sin6_addr) { Array($0) }
            // IPv4 on a socket of both.
            let isMapped = bytes.prefix(10).allSatisfy { $0 == 0 } && bytes[10...11].allSatisfy { $0 == 0xFF }
            return Array(isMapped ? bytes.suffix(4) : bytes.prefix(8))
        case .unixDomainSocket, nil: return []
        }
    }

    private static func whoMakesRoom(
        for newcomer: Stranger, among waiting: [LeaseBook.ConnectionID: Stranger], patience: Duration
    ) -> LeaseBook.ConnectionID? {
        let oldest = waiting.min { $0.value.since < $1.value.since }
        if let oldest, newcomer.since - oldest.value.since >= patience { return oldest.key }
        var crowds: [[UInt8]: Int] = [:]
        for stranger in waiting.values { crowds[stranger.origin, default: 0] += 1 }
        // Two more, or both would send each other away in turn.
        guard let largest = crowds.max(by: { $0.value < $1.value }),
            largest.value >= crowds[newcomer.origin, default: 0] + 2
        else { return nil }
        return waiting.filter { $0.value.origin == largest.key }.min { $0.value.since < $1.value.since }?.key
    }
}
