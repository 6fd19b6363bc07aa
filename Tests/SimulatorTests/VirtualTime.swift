import Synchronization

/// The simulation's clock and what is to happen when; nothing in it waits.
struct Agenda<Event> {
    private struct Entry {
        var time: Double
        /// Events of one instant happen in the order in which they were planned.
        var number: Int
        var event: Event
    }

    /// A binary heap, the earliest first.
    private var heap: [Entry] = []
    private var planned = 0

    mutating func plan(_ event: Event, at time: Double) {
        heap.append(Entry(time: time, number: planned, event: event))
        planned += 1
        var child = heap.count - 1
        while child > 0, isEarlier(child, than: (child - 1) / 2) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func next() -> (time: Double, event: Event)? {
        guard !heap.isEmpty else { return nil }
        heap.swapAt(0, heap.count - 1)
        let entry = heap.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && isEarlier(child, than: least) {
                least = child
            }
            guard least != parent else { break }
            heap.swapAt(least, parent)
            parent = least
        }
        return (entry.time, entry.event)
    }

    private func isEarlier(_ first: Int, than second: Int) -> Bool {
        (heap[first].time, heap[first].number) < (heap[second].time, heap[second].number)
    }
}

/// Seconds since the simulation began, as the programs under test see them.
final class VirtualClock: Sendable {
    private let seconds = Mutex(0.0)
    private let origin = ContinuousClock.now
    /// How far the wall clock is off, in seconds.
    private let error = Mutex(0.0)

    var now: Double {
        get { seconds.withLock(\.self) }
        set { seconds.withLock { $0 = newValue } }
    }

    var instant: ContinuousClock.Instant { origin + .seconds(now) }

    /// What a wall clock shows, in seconds since 1970.
    var wall: Double { 1_800_000_000 + now + error.withLock(\.self) }

    func setWall(by seconds: Double) {
        error.withLock { $0 += seconds }
    }
}
