import SharedModel
import Testing

@testable import Coordinator

@Suite("Leases in random histories")
struct LeaseHistoryTests {
    @Test(
        "no lease ends while its worker is heard and moves, every other ends in time, and nobody gets what another has",
        arguments: 0..<50)
    func histories(seed: UInt64) throws {
        var history = LeaseHistory(seed: seed)
        try history.run(until: 2000)
    }

    @Test("the histories hold all that can happen to a lease")
    func fates() throws {
        var fates: Set<HistoryModel.Fate> = []
        for seed in 0..<10 as Range<UInt64> {
            var history = LeaseHistory(seed: seed)
            try history.run(until: 2000)
            fates.formUnion(history.fates)
        }
        #expect(fates == Set(HistoryModel.Fate.allCases))
    }
}

/// Three workers that work, hang, fail, fall silent and stay away by turns, and a coordinator that dies and sleeps.
///
/// Whatever happens, the book must say what the model says.
private struct LeaseHistory {
    private enum Mood {
        case working, hanging, failing, silent, away
    }

    private static let names = [Fixtures.ada, Fixtures.emmy, String(repeating: "c", count: 32)]
    private static let sizes = [64, 512].map { WorkSize(width: $0, height: $0, steps: 4) }

    private let start = ContinuousClock.now
    private var random: SplitMix
    private var book = LeaseBook()
    private var model = HistoryModel()
    private var cells = HistoryCells()
    private var moods: [String: (mood: Mood, until: Int)] = [:]
    private var sizes: [LeaseID: WorkSize] = [:]
    /// What a hanging engine is busy with.
    private var busy: [String: LeaseID] = [:]
    /// Whether this coordinator knows when it was awake last.
    private var hasTicked = false
    private var connections = 0
    private var granted = 0
    private var ended: [LeaseID] = []

    init(seed: UInt64) {
        random = SplitMix(state: seed)
    }

    var fates: Set<HistoryModel.Fate> { model.fates }

    private var now: ContinuousClock.Instant { start + .seconds(model.second) }

    /// Until `end`, and on until every lease must be over because nobody says anything any more.
    mutating func run(until end: Int) throws {
        while model.second < end {
            if chance(1, in: 1000) { restart() }
            let isSuspended = hasTicked && chance(1, in: 300)
            model.pass(isSuspended ? .random(in: 6...400, using: &random) : 1)
            for name in Self.names where chance(1, in: 2) { try act(name, isWaking: isSuspended) }
            try tick()
        }
        for _ in 0..<100 {
            model.pass(1)
            try tick()
        }
        try #require(book.isEmpty)
        #expect(ended.count == granted && Set(ended).count == granted)
    }

    private mutating func tick() throws {
        hasTicked = true
        let due = model.tick()
        let ticked = book.tick(now: now)
        try #require(Set(ticked.silent) == due.silent, "\(model.second)")
        try #require(Dictionary(uniqueKeysWithValues: ticked.ended.map { ($0.lease, $0.ending) }) == due.ended)
        end(ticked.ended.map(\.lease))
        try #require(book.leases == model.live)
        if cells.pending.isEmpty, chance(1, in: 200) { cells.add(100) }
    }

    private mutating func restart() {
        hasTicked = false
        model.restart(after: .random(in: 0...90, using: &random))
        book = LeaseBook()
        let attempts = model.workers.flatMap { name, worker in worker.leases.map { ($0, name) } }
        book.restore(
            attempts.sorted { $0.0.hex < $1.0.hex }.map { LiveAttempt(lease: $0.0, identity: $0.1) }, now: now)
    }

    // MARK: What workers do

    private mutating func act(_ name: String, isWaking: Bool) throws {
        if moods[name].map({ model.second >= $0.until }) ?? true { moods[name] = newMood() }
        let mood = moods[name]?.mood ?? .working
        if chance(1, in: 20) { try meddle(name) }
        guard let connection = model.connection(of: name) else {
            if mood != .away, mood != .silent, chance(1, in: 4) { try join(name) }
            return
        }
        if mood != .silent, mood != .away {
            book.heard(name, on: connection, at: now)
            model.heard(name)
        }
        switch mood {
        case .silent: break
        case .away: try leave(name, connection)
        case .hanging:
            busy[name] = busy[name] ?? model.leases(of: name).first
            try beat(Beat(lease: busy[name], cell: nil, step: 1, steps: 4), name)
            if !isWaking, chance(1, in: 30) { try claim(name, connection) }
        case .failing:
            book.failed(name, now: now)
            model.moved(name)
            model.failed(name)
            if !isWaking { try claim(name, connection) }
        case .working:
            busy[name] = nil
            try work(name, connection, isWaking: isWaking)
        }
    }

    private mutating func work(_ name: String, _ connection: Int, isWaking: Bool) throws {
        let leases = model.leases(of: name)
        switch Int.random(in: 0..<12, using: &random) {
        case 0, 1: if !isWaking { try claim(name, connection) }
        case 2, 3:
            let step = Int.random(in: 1...50, using: &random)
            try beat(Beat(lease: leases.first, cell: nil, step: step, steps: 50), name)
        case 4, 5, 6: deliver(name)
        case 7:
            book.progressed(name, on: connection, at: now)
            model.moved(name)
        case 8:
            guard let lease = leases.first, chance(1, in: 3) else { break }
            book.finished([lease])
            end([lease])
        case 9: if chance(1, in: 4) { try join(name) }
        default: break
        }
    }

    /// A worker that died comes back without some of what it had.
    private mutating func join(_ name: String) throws {
        connections += 1
        let hasDied = chance(1, in: 4)
        let named = model.leases(of: name).filter { _ in !hasDied || Bool.random(using: &random) }
        let unknown = try Fixtures.lease(1_000_000)
        let superseded = model.connection(of: name)
        let expected = model.joined(name, on: connections, naming: named)
        let joined = book.joined(name, on: connections, naming: named + [unknown], now: now)
        try #require(joined.superseded == superseded)
        try #require(Set(joined.kept) == Set(named))
        try #require(Set(joined.ended.map(\.lease)) == Set(expected))
        end(expected)
    }

    private mutating func leave(_ name: String, _ connection: Int) throws {
        let saidGoodbye = chance(1, in: 3)
        let expected = model.left(name, saidGoodbye: saidGoodbye)
        let over = book.left(name, on: connection, saidGoodbye: saidGoodbye, now: now)
        try #require(Set(over.map(\.lease)) == Set(expected))
        end(expected)
    }

    private mutating func beat(_ beat: Beat, _ name: String) throws {
        let lost = book.beat(beat, from: name, now: now)
        let expected = model.said(beat, by: name)
        try #require(lost == expected)
    }

    private mutating func deliver(_ name: String) {
        guard let lease = model.leases(of: name).first, let size = sizes[lease] else { return }
        let pace = [1.0, 8, 25][(Self.names.firstIndex(of: name) ?? 0)]
        let seconds = pace * Double(Int.random(in: 2...6, using: &random)) / 4
        book.delivered(seconds, of: size, from: name, now: now)
        model.delivered(seconds, of: size, by: name)
        let finished = cells.deliver(lease)
        book.finished(finished)
        model.finished(finished)
        ended += finished
    }

    private mutating func claim(_ name: String, _ connection: Int) throws {
        let allowance = book.allowance(for: name, pending: cells.pending.count, now: now)
        let isAllowed = model.allows(allowance, for: name, pending: cells.pending.count)
        try #require(isAllowed, "\(allowance) for \(name) at \(model.second)")
        guard case .cells(let limit) = allowance else {
            if !book.isStuck(name), book.quarantine(of: name, now: now) != nil { model.met(.quarantined) }
            return
        }
        let lease = try Fixtures.lease(granted + 1)
        if cells.pending.isEmpty {
            guard let original = slow(for: name) else { return }
            cells.copy(original, as: lease)
            sizes[lease] = sizes[original]
            model.met(.copied)
        } else {
            cells.grant(lease, atMost: limit)
            sizes[lease] = Self.sizes.randomElement(using: &random)
        }
        granted += 1
        let size = try #require(sizes[lease])
        let refused = book.granted(lease, to: name, on: connection, of: size, now: now)
        try #require(refused == nil)
        model.granted(lease, to: name, of: size)
        try #require(cells.overlaps(among: book.leases) == [])
    }

    /// The lease of another worker that is worth a copy, near the end.
    private func slow(for name: String) -> LeaseID? {
        guard model.leases(of: name).isEmpty, book.hasCompany(name) else { return nil }
        let tail = Self.names.filter { $0 != name }.flatMap { other in
            model.leases(of: other).filter(cells.canBeCopied).compactMap { lease in
                sizes[lease].map {
                    TailLease(lease: lease, identity: other, undone: cells.undone(of: lease).count, size: $0)
                }
            }
        }
        return book.slowest(of: tail, for: name, now: now)
    }

    /// Something comes late over a connection that has been given up: it must change nothing.
    private mutating func meddle(_ name: String) throws {
        guard let latest = model.workers[name]?.latest else { return }
        let old = latest - 1
        try #require(book.isOutdated(old, of: name) && !book.isOutdated(latest, of: name))
        book.heard(name, on: old, at: now)
        book.progressed(name, on: old, at: now)
        let over = book.left(name, on: old, saidGoodbye: chance(1, in: 2), now: now)
        let lease = try Fixtures.lease(2_000_000)
        let refused = book.granted(lease, to: name, on: old, of: Self.sizes[0], now: now)
        try #require(over == [] && refused?.ending == .released)
    }

    private mutating func end(_ leases: [LeaseID]) {
        model.finished(leases)
        for lease in leases { cells.end(lease) }
        ended += leases
    }

    private mutating func newMood() -> (mood: Mood, until: Int) {
        let moods: [(Mood, ClosedRange<Int>)] = [
            (.working, 30...300), (.working, 30...300), (.hanging, 20...100), (.hanging, 100...900),
            (.failing, 10...60), (.silent, 5...60), (.away, 1...90),
        ]
        let (mood, length) = moods.randomElement(using: &random) ?? moods[0]
        return (mood, model.second + Int.random(in: length, using: &random))
    }

    private mutating func chance(_ part: Int, in whole: Int) -> Bool {
        Int.random(in: 0..<whole, using: &random) < part
    }
}
