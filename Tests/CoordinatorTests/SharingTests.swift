import SharedModel
import Testing

@testable import Coordinator

@Suite("Who gets how much")
struct SharingTests {
    private let start = ContinuousClock.now
    private let size = WorkSize(width: 64, height: 64, steps: 4)

    private func at(_ seconds: Double) -> ContinuousClock.Instant {
        start + .seconds(seconds)
    }

    /// Workers that are there and have delivered one image each, at the given pace.
    private func book(_ paces: [(identity: String, seconds: Double?)]) -> LeaseBook {
        var book = LeaseBook()
        for (number, worker) in paces.enumerated() {
            _ = book.joined(worker.identity, on: number, naming: [], now: start)
            if let seconds = worker.seconds {
                book.delivered(seconds, of: size, from: worker.identity, now: start)
            }
        }
        return book
    }

    @Test("a worker alone takes all that a grant can hold")
    func alone() {
        #expect(book([(Fixtures.ada, 1)]).allowance(for: Fixtures.ada, pending: 10, now: start) == .cells(atMost: 256))
        #expect(
            book([(Fixtures.ada, nil)]).allowance(for: Fixtures.ada, pending: 10, now: start) == .cells(atMost: 256))
    }

    @Test(
        "in company each takes half of its share by pace, one cell at the least",
        arguments: [(100, 46, 5), (20, 10, 1), (1, 1, 1), (100_000, 256, 256)])
    func shares(pending: Int, fast: Int, slow: Int) {
        let book = book([(Fixtures.ada, 1), (Fixtures.emmy, 10)])
        #expect(book.allowance(for: Fixtures.ada, pending: pending, now: start) == .cells(atMost: fast))
        #expect(book.allowance(for: Fixtures.emmy, pending: pending, now: start) == .cells(atMost: slow))
    }

    @Test("whose pace is unknown begins with a few")
    func unknown() {
        let book = book([(Fixtures.ada, 1), (Fixtures.emmy, nil)])
        #expect(book.allowance(for: Fixtures.emmy, pending: 1000, now: start) == .cells(atMost: 4))
    }

    @Test(
        "who fails five times in a row while others succeed is left alone, longer each time, then tried with one cell")
    func quarantine() {
        var book = book([(Fixtures.ada, nil), (Fixtures.emmy, 1)])
        for second in 1...4 { book.failed(Fixtures.ada, now: at(Double(second))) }
        book.delivered(1, of: size, from: Fixtures.emmy, now: at(5))
        #expect(book.quarantine(of: Fixtures.ada, now: at(5)) == nil)
        book.failed(Fixtures.ada, now: at(6))
        #expect(book.quarantine(of: Fixtures.ada, now: at(6))?.contains("failed 5 times in a row") == true)
        #expect(book.quarantine(of: Fixtures.ada, now: at(65)) != nil)
        guard case .nothing = book.allowance(for: Fixtures.ada, pending: 9, now: at(65)) else {
            Issue.record("granted in quarantine")
            return
        }
        #expect(book.allowance(for: Fixtures.ada, pending: 900, now: at(67)) == .cells(atMost: 1))
        book.failed(Fixtures.ada, now: at(68))
        #expect(book.quarantine(of: Fixtures.ada, now: at(68 + 119)) != nil)
        #expect(book.quarantine(of: Fixtures.ada, now: at(68 + 121)) == nil)
        book.delivered(1, of: size, from: Fixtures.ada, now: at(200))
        #expect(book.allowance(for: Fixtures.ada, pending: 900, now: at(200)) == .cells(atMost: 225))
    }

    @Test("who fails while nobody succeeds is not to blame, and who is alone is not left alone")
    func noQuarantine() {
        var nobodySucceeds = book([(Fixtures.ada, nil), (Fixtures.emmy, 1)])
        for second in 1...20 { nobodySucceeds.failed(Fixtures.ada, now: at(Double(second))) }
        #expect(nobodySucceeds.quarantine(of: Fixtures.ada, now: at(20)) == nil)

        var left = book([(Fixtures.ada, nil), (Fixtures.emmy, 1)])
        for second in 1...4 { left.failed(Fixtures.ada, now: at(Double(second))) }
        left.delivered(1, of: size, from: Fixtures.emmy, now: at(5))
        left.failed(Fixtures.ada, now: at(6))
        _ = left.left(Fixtures.emmy, on: 1, saidGoodbye: true, now: at(7))
        #expect(left.allowance(for: Fixtures.ada, pending: 9, now: at(8)) == .cells(atMost: 256))
    }

    @Test("the lease that would gain most is copied, and none where a copy would come too late")
    func slowest() throws {
        var book = book([(Fixtures.ada, 1), (Fixtures.emmy, 10)])
        let lease = try Fixtures.lease(1)
        _ = book.granted(lease, to: Fixtures.emmy, on: 1, of: size, now: start)
        func tail(_ undone: Int) -> [TailLease] {
            [TailLease(lease: lease, identity: Fixtures.emmy, undone: undone, size: size)]
        }
        #expect(book.slowest(of: tail(1), for: Fixtures.ada, now: at(0)) == lease)
        #expect(book.slowest(of: tail(1), for: Fixtures.ada, now: at(8.5)) == nil)
        #expect(book.slowest(of: tail(3), for: Fixtures.ada, now: at(8.5)) == lease)
        // Three times its usual time: it may never come.
        #expect(book.slowest(of: tail(1), for: Fixtures.ada, now: at(31)) == lease)
        _ = book.left(Fixtures.emmy, on: 1, saidGoodbye: false, now: at(32))
        #expect(book.slowest(of: tail(3), for: Fixtures.ada, now: at(33)) == nil)
    }
}
