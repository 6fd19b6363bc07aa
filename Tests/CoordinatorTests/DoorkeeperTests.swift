import NIOCore
import Testing

@testable import Coordinator

@Suite("The door")
struct DoorkeeperTests {
    private let now = ContinuousClock.now

    @Test("strangers enter until all places are taken")
    func places() {
        let door = Doorkeeper(limit: 2, patience: .seconds(2))
        #expect(door.enter(1, from: [1], now: now) == .enters)
        #expect(door.enter(2, from: [1], now: now) == .enters)
        #expect(door.enter(3, from: [1], now: now) == .isTurnedAway)
        door.leave(1)
        door.leave(1)
        #expect(door.enter(4, from: [1], now: now) == .enters)
        #expect(door.enter(5, from: [1], now: now) == .isTurnedAway)
    }

    @Test("who has waited for long makes room, the longest first")
    func eviction() {
        let door = Doorkeeper(limit: 2, patience: .seconds(2))
        #expect(door.enter(1, from: [1], now: now) == .enters)
        #expect(door.enter(2, from: [1], now: now + .seconds(1)) == .enters)
        #expect(door.enter(3, from: [1], now: now + .milliseconds(1999)) == .isTurnedAway)
        #expect(door.enter(3, from: [1], now: now + .seconds(2)) == .replaces(1))
        #expect(door.enter(4, from: [1], now: now + .seconds(2)) == .isTurnedAway)
        #expect(door.enter(4, from: [1], now: now + .seconds(3)) == .replaces(2))
    }

    @Test("who comes from elsewhere takes the place of the oldest of the network that holds most")
    func crowds() {
        let door = Doorkeeper(limit: 3, patience: .seconds(2))
        #expect(door.enter(1, from: [2], now: now) == .enters)
        #expect(door.enter(2, from: [1], now: now) == .enters)
        #expect(door.enter(3, from: [1], now: now + .seconds(1)) == .enters)
        #expect(door.enter(4, from: [1], now: now + .seconds(1)) == .isTurnedAway)
        #expect(door.enter(4, from: [3], now: now + .seconds(1)) == .replaces(2))
        #expect(door.enter(5, from: [4], now: now + .seconds(1)) == .isTurnedAway)
    }

    @Test("an origin is what a host can't choose of its address")
    func origins() throws {
        let origins = try ["10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"].map {
            Doorkeeper.origin(of: try SocketAddress(ipAddress: $0, port: 1))
        }
        #expect(origins[0] == [10, 0, 0, 1] && origins[1] == origins[0])
        #expect(origins[2] == origins[3] && origins[2] != origins[4])
    }
}
