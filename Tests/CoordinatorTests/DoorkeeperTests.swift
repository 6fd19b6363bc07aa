import Testing

@testable import Coordinator

@Suite("The door")
struct DoorkeeperTests {
    private let now = ContinuousClock.now

    @Test("strangers enter until all places are taken")
    func places() {
        let door = Doorkeeper(limit: 2, patience: .seconds(2))
        #expect(door.enter(1, now: now) == .enters)
        #expect(door.enter(2, now: now) == .enters)
        #expect(door.enter(3, now: now) == .isTurnedAway)
        door.leave(1)
        door.leave(1)
        #expect(door.enter(4, now: now) == .enters)
        #expect(door.enter(5, now: now) == .isTurnedAway)
    }

    @Test("who has waited for long makes room, the longest first")
    func eviction() {
        let door = Doorkeeper(limit: 2, patience: .seconds(2))
        #expect(door.enter(1, now: now) == .enters)
        #expect(door.enter(2, now: now + .seconds(1)) == .enters)
        #expect(door.enter(3, now: now + .milliseconds(1999)) == .isTurnedAway)
        #expect(door.enter(3, now: now + .seconds(2)) == .replaces(1))
        #expect(door.enter(4, now: now + .seconds(2)) == .isTurnedAway)
        #expect(door.enter(4, now: now + .seconds(3)) == .replaces(2))
    }
}
