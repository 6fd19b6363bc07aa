import SharedModel
import Testing

@testable import Coordinator

@Suite("Leases over time")
struct LeaseBookTests {
    private let start = ContinuousClock.now
    private let size = WorkSize(width: 64, height: 64, steps: 4)

    private func at(_ seconds: Double) -> ContinuousClock.Instant {
        start + .seconds(seconds)
    }

    /// Ticks every second up to and with `end`, so that no gap looks like a suspended process.
    private func ticks(_ book: inout LeaseBook, from begin: Int, to end: Int) -> [(at: Int, LeaseBook.Ticked)] {
        (begin...end).map { second in (second, book.tick(now: at(Double(second)))) }
            .filter { $0.1 != LeaseBook.Ticked() }
    }

    private func workingBook(_ lease: LeaseID) -> LeaseBook {
        var book = LeaseBook()
        _ = book.joined(Fixtures.ada, on: 1, naming: [], now: start)
        #expect(book.granted(lease, to: Fixtures.ada, on: 1, of: size, now: start) == nil)
        return book
    }

    @Test("thirty seconds of silence expire a lease and close the connection")
    func silence() throws {
        let lease = try Fixtures.lease(1)
        var book = workingBook(lease)
        let happened = ticks(&book, from: 0, to: 40)
        #expect(happened.map(\.at) == [31])
        #expect(happened.first?.1.silent == [1])
        #expect(happened.first?.1.ended.map(\.lease) == [lease])
        #expect(happened.first?.1.ended.first?.ending == .expired)
        #expect(book.isEmpty)
    }

    @Test("who has been silent for fifteen seconds is suspect, until it is heard or goes")
    func suspicion() throws {
        var book = workingBook(try Fixtures.lease(1))
        #expect(book.suspicion(of: Fixtures.ada, now: at(15)) == nil)
        let sentence = try #require(book.suspicion(of: Fixtures.ada, now: at(16)))
        #expect(sentence.contains("for 16 s, and after 30 s its cells are given to others"))
        book.heard(Fixtures.ada, on: 1, at: at(10))
        #expect(book.suspicion(of: Fixtures.ada, now: at(25)) == nil)
        #expect(book.suspicion(of: Fixtures.ada, now: at(26)) != nil)
        _ = book.left(Fixtures.ada, on: 1, saidGoodbye: false, now: at(26))
        #expect(book.suspicion(of: Fixtures.ada, now: at(27)) == nil)
    }

    @Test("any sign of life keeps a lease")
    func heard() throws {
        var book = workingBook(try Fixtures.lease(1))
        for second in 0...120 {
            book.heard(Fixtures.ada, on: 1, at: at(Double(second / 25 * 25)))
            #expect(book.tick(now: at(Double(second))) == LeaseBook.Ticked())
        }
    }

    @Test("a worker that comes back within ten seconds keeps what it names and loses what it does not")
    func comesBack() throws {
        let (named, forgotten) = (try Fixtures.lease(1), try Fixtures.lease(2))
        var book = workingBook(named)
        _ = book.granted(forgotten, to: Fixtures.ada, on: 1, of: size, now: start)
        #expect(book.left(Fixtures.ada, on: 1, saidGoodbye: false, now: at(1)) == [])
        #expect(ticks(&book, from: 1, to: 10).isEmpty)
        let joined = book.joined(Fixtures.ada, on: 2, naming: [named, try Fixtures.lease(9)], now: at(10))
        #expect(joined.kept == [named])
        #expect(joined.ended.map(\.lease) == [forgotten])
        #expect(joined.superseded == nil)
        #expect(book.leases == [named])
    }

    @Test("ten seconds of absence expire a lease and blame the cell in progress")
    func staysAway() throws {
        let lease = try Fixtures.lease(1)
        let cell = try Fixtures.key(of: Fixtures.cell(prompt: "p", guidance: 1))
        var book = workingBook(lease)
        #expect(book.beat(Beat(lease: lease, cell: cell, step: 1, steps: 4), from: Fixtures.ada, now: at(0)) == [])
        _ = book.left(Fixtures.ada, on: 1, saidGoodbye: false, now: at(1))
        let happened = ticks(&book, from: 1, to: 20)
        #expect(happened.map(\.at) == [11])
        #expect(happened.first?.1.ended.first?.blamed == cell)
        #expect(
            book.beat(Beat(lease: lease, cell: cell, step: 2, steps: 4), from: Fixtures.ada, now: at(20)) == [lease])
    }

    @Test("a beat without a cell takes back what the last one said, so that nothing is blamed")
    func idleBeat() throws {
        let lease = try Fixtures.lease(1)
        let cell = try Fixtures.key(of: Fixtures.cell(prompt: "p", guidance: 1))
        for idle in [nil, lease, try Fixtures.lease(9)] {
            var book = workingBook(lease)
            _ = book.beat(Beat(lease: lease, cell: cell, step: 1, steps: 4), from: Fixtures.ada, now: at(0))
            _ = book.beat(Beat(lease: idle, cell: nil, step: 0, steps: 0), from: Fixtures.ada, now: at(1))
            let ended = ticks(&book, from: 1, to: 40).first?.1.ended
            #expect(ended?.map(\.lease) == [lease])
            #expect(ended?.first?.blamed == nil)
        }
    }

    @Test("what a worker renders is known from its beats, while it is there and holds the lease")
    func rendering() throws {
        let lease = try Fixtures.lease(1)
        let cell = try Fixtures.key(of: Fixtures.cell(prompt: "p", guidance: 1))
        let beat = Beat(lease: lease, cell: cell, step: 3, steps: 4)
        var book = workingBook(lease)
        #expect(book.progress(of: Fixtures.ada) == nil)
        _ = book.beat(beat, from: Fixtures.ada, now: at(0))
        #expect(book.progress(of: Fixtures.ada) == .init(lease: lease, cell: cell, step: 3, steps: 4))
        var finished = book
        finished.finished([lease])
        #expect(finished.progress(of: Fixtures.ada) == nil)
        _ = book.left(Fixtures.ada, on: 1, saidGoodbye: false, now: at(1))
        #expect(book.progress(of: Fixtures.ada) == nil)
    }

    @Test("a goodbye gives everything back at once, without blame")
    func goodbye() throws {
        let lease = try Fixtures.lease(1)
        let cell = try Fixtures.key(of: Fixtures.cell(prompt: "p", guidance: 1))
        var book = workingBook(lease)
        _ = book.beat(Beat(lease: lease, cell: cell, step: 1, steps: 4), from: Fixtures.ada, now: at(0))
        let ended = book.left(Fixtures.ada, on: 1, saidGoodbye: true, now: at(1))
        #expect(ended.map(\.ending) == [.released])
        #expect(ended.first?.blamed == nil)
    }

    @Test("a second connection of the same worker supersedes the first, whose end then means nothing")
    func superseded() throws {
        let lease = try Fixtures.lease(1)
        var book = workingBook(lease)
        #expect(book.joined(Fixtures.ada, on: 2, naming: [lease], now: at(5)).superseded == 1)
        #expect(book.left(Fixtures.ada, on: 1, saidGoodbye: true, now: at(6)) == [])
        #expect(book.leases == [lease])
        #expect(book.granted(try Fixtures.lease(2), to: Fixtures.ada, on: 1, of: size, now: at(6))?.ending == .released)
    }

    @Test("a hello overtaken by one of a later connection is out of date, as long as its worker is remembered")
    func overtaken() throws {
        var book = workingBook(try Fixtures.lease(1))
        #expect(!book.isOutdated(2, of: Fixtures.ada) && !book.isOutdated(0, of: Fixtures.emmy))
        _ = book.joined(Fixtures.ada, on: 3, naming: [try Fixtures.lease(1)], now: at(1))
        #expect(book.isOutdated(2, of: Fixtures.ada) && !book.isOutdated(4, of: Fixtures.ada))
        _ = book.left(Fixtures.ada, on: 3, saidGoodbye: false, now: at(2))
        #expect(book.isOutdated(2, of: Fixtures.ada))
        _ = ticks(&book, from: 2, to: 20)
        #expect(!book.isOutdated(2, of: Fixtures.ada))
    }

    @Test("beats without progress are revoked as stuck: late for a new worker, sooner for one whose pace is known")
    func stuck() throws {
        for (delivered, limit) in [(nil, 600), (1.0, 60), (20.0, 160)] as [(Double?, Int)] {
            let lease = try Fixtures.lease(1)
            var book = workingBook(lease)
            if let delivered { book.delivered(delivered, of: size, from: Fixtures.ada, now: start) }
            var revoked: Int?
            for second in 0...1000 {
                book.heard(Fixtures.ada, on: 1, at: at(Double(second)))
                let beat = Beat(lease: lease, cell: nil, step: 1, steps: 4)
                if revoked == nil { _ = book.beat(beat, from: Fixtures.ada, now: at(Double(second == 0 ? 0 : 1))) }
                let ticked = book.tick(now: at(Double(second)))
                if ticked.ended.first?.ending == .revoked { revoked = second }
            }
            #expect(revoked == limit + 1)
        }
    }

    @Test("whose engine is stuck gets nothing and is nobody's company until a beat tells otherwise")
    func stuckEngine() throws {
        let (lease, next) = (try Fixtures.lease(1), try Fixtures.lease(2))
        let beat = Beat(lease: lease, cell: nil, step: 1, steps: 4)
        var book = workingBook(lease)
        _ = book.joined(Fixtures.emmy, on: 2, naming: [], now: start)
        for second in 0...700 {
            for (identity, line) in [(Fixtures.ada, 1), (Fixtures.emmy, 2)] {
                book.heard(identity, on: line, at: at(Double(second)))
            }
            _ = book.beat(beat, from: Fixtures.ada, now: at(Double(second)))
            _ = book.tick(now: at(Double(second)))
        }
        func isGranted(_ book: LeaseBook) -> Bool {
            if case .cells = book.allowance(for: Fixtures.ada, pending: 9, now: at(701)) { true } else { false }
        }
        #expect(book.isEmpty && !isGranted(book))
        #expect(book.quarantine(of: Fixtures.ada, now: at(701))?.contains("no progress") == true)
        #expect(!book.hasCompany(Fixtures.emmy) && book.hasCompany(Fixtures.ada))
        #expect(book.allowance(for: Fixtures.emmy, pending: 9, now: at(701)) == .cells(atMost: 256))
        _ = book.joined(Fixtures.ada, on: 3, naming: [], now: at(702))
        #expect(book.beat(beat, from: Fixtures.ada, now: at(703)) == [lease])
        #expect(!isGranted(book))

        var idle = book
        _ = idle.beat(Beat(lease: nil, cell: nil, step: 0, steps: 0), from: Fixtures.ada, now: at(704))
        #expect(isGranted(idle) && idle.hasCompany(Fixtures.emmy))
        #expect(book.granted(next, to: Fixtures.ada, on: 3, of: size, now: at(704)) == nil)
        _ = book.beat(Beat(lease: next, cell: nil, step: 1, steps: 4), from: Fixtures.ada, now: at(705))
        #expect(isGranted(book))
    }

    @Test("after the coordinator was suspended, who gave it up has a minute to come back")
    func amnesty() throws {
        let lease = try Fixtures.lease(1)
        var book = workingBook(lease)
        _ = book.tick(now: at(0))
        #expect(book.tick(now: at(100)) == LeaseBook.Ticked())
        #expect(book.left(Fixtures.ada, on: 1, saidGoodbye: false, now: at(101)) == [])
        #expect(ticks(&book, from: 101, to: 159).isEmpty)
        #expect(ticks(&book, from: 160, to: 162).first?.1.ended.map(\.lease) == [lease])
    }

    @Test("steps, images and uploads all count as progress")
    func progress() throws {
        let lease = try Fixtures.lease(1)
        var book = workingBook(lease)
        book.delivered(1, of: size, from: Fixtures.ada, now: start)
        for second in 0...400 {
            let now = at(Double(second))
            book.heard(Fixtures.ada, on: 1, at: now)
            if second == 50 {
                _ = book.beat(Beat(lease: lease, cell: nil, step: 1, steps: 4), from: Fixtures.ada, now: now)
            }
            if second == 100 { book.progressed(Fixtures.ada, on: 1, at: now) }
            if second == 150 { book.delivered(1, of: size, from: Fixtures.ada, now: now) }
            let ticked = book.tick(now: now)
            #expect((ticked.ended.isEmpty && second != 211) || second == 211)
            if second == 211 { #expect(ticked.ended.map(\.lease) == [lease]) }
        }
    }

    @Test("leases of an earlier coordinator wait a minute for their workers")
    func restart() throws {
        let (one, two) = (try Fixtures.lease(1), try Fixtures.lease(2))
        var book = LeaseBook()
        book.restore(
            [LiveAttempt(lease: one, identity: Fixtures.ada), LiveAttempt(lease: two, identity: Fixtures.emmy)],
            now: start)
        #expect(ticks(&book, from: 0, to: 59).isEmpty)
        #expect(book.joined(Fixtures.ada, on: 1, naming: [one], now: at(59)).kept == [one])
        let happened = ticks(&book, from: 60, to: 61)
        #expect(happened.map(\.at) == [60])
        #expect(happened.first?.1.ended.map(\.lease) == [two])
        #expect(happened.first?.1.ended.first?.blamed == nil)
        #expect(book.leases == [one])
    }

    @Test("what a restored lease's worker was probably rendering is blamed unless the worker comes back for it")
    func suspects() throws {
        let lease = try Fixtures.lease(1)
        let cell = try Fixtures.key(of: Fixtures.cell(prompt: "p", guidance: 1))
        var book = LeaseBook()
        book.restore([LiveAttempt(lease: lease, identity: Fixtures.ada, suspect: cell)], now: start)
        var forgetful = book
        #expect(forgetful.joined(Fixtures.ada, on: 1, naming: [], now: at(1)).ended.first?.blamed == cell)
        var absent = book
        #expect(ticks(&absent, from: 0, to: 61).first?.1.ended.first?.blamed == cell)
        #expect(book.joined(Fixtures.ada, on: 1, naming: [lease], now: at(1)).kept == [lease])
        _ = book.left(Fixtures.ada, on: 1, saidGoodbye: false, now: at(2))
        let happened = ticks(&book, from: 2, to: 20)
        #expect(happened.first?.1.ended.map(\.lease) == [lease])
        #expect(happened.first?.1.ended.first?.blamed == nil)
    }

    @Test("of several restored leases the oldest is the one that was being rendered")
    func restoredOrder() throws {
        // The newest has the least id.
        let leases = try [3, 2, 1].map(Fixtures.lease)
        var book = LeaseBook()
        book.restore(leases.map { LiveAttempt(lease: $0, identity: Fixtures.ada) }, now: start)
        let ended = book.joined(Fixtures.ada, on: 1, naming: [], now: at(1)).ended
        #expect(ended.filter(\.isFirst).map(\.lease) == [leases[0]])
    }

    @Test("a suspended coordinator expires nothing when it wakes")
    func clockGap() throws {
        var book = workingBook(try Fixtures.lease(1))
        _ = book.joined(Fixtures.emmy, on: 2, naming: [], now: start)
        _ = book.granted(try Fixtures.lease(2), to: Fixtures.emmy, on: 2, of: size, now: start)
        _ = book.left(Fixtures.emmy, on: 2, saidGoodbye: false, now: start)
        #expect(book.tick(now: at(1)) == LeaseBook.Ticked())
        #expect(book.tick(now: at(3601)) == LeaseBook.Ticked())
        let happened = ticks(&book, from: 3602, to: 3662)
        // Who was away may have tried to come back in vain; who is silent now has its 30 s from now on.
        #expect(happened.map(\.at) == [3631, 3661])
        #expect(happened.map { $0.1.ended.map(\.lease) } == [[try Fixtures.lease(1)], [try Fixtures.lease(2)]])
    }

    @Test("a tick that was held up is no suspension: the process ran, and who was silent meanwhile is found out")
    func slowTicks() throws {
        var book = workingBook(try Fixtures.lease(1))
        #expect(book.tick(now: at(1)) == LeaseBook.Ticked())
        for second in 2...20 { book.pulse(now: at(Double(second))) }
        #expect(book.tick(now: at(20)) == LeaseBook.Ticked())
        for second in 21...40 { book.pulse(now: at(Double(second))) }
        #expect(book.tick(now: at(40)).ended.map(\.lease) == [try Fixtures.lease(1)])
    }

    @Test("the 95th percentile is that of the nearest rank")
    func percentile() {
        var pace = Pace()
        #expect(pace.percentile95(for: size) == nil)
        for sample in 1...20 { pace.add(Double(sample), for: size) }
        #expect(pace.percentile95(for: size) == 19)
        #expect(pace.percentile95(for: WorkSize(width: 8, height: 64, steps: 4)) == nil)
    }
}
