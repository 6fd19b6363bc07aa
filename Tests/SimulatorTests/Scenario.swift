import Foundation
import SharedModel

/// What a seed means: a small sweep, some workers, and what goes wrong with them and for how long.
struct Scenario: Sendable {
    /// A kind of trouble; each has its own clock.
    enum Fault: CaseIterable, Sendable {
        /// A connection is cut; either side hears of it sooner, later or never.
        case cut
        /// Nothing passes between a worker and the coordinator for a while; then everything does.
        case partition
        /// A worker dies and is started again, its spool kept.
        case workerCrash
        /// The coordinator dies and is started again from its directory.
        case coordinatorCrash
        /// A worker is stopped (SIGSTOP) and goes on as if nothing had been.
        case workerFreeze
        /// The coordinator is stopped and goes on.
        case coordinatorFreeze
        /// An engine stops in the middle of an image and never goes on.
        case hang
        /// The host of the last worker loses its power for good; where there are three workers, so that others go on.
        case vanish
        /// Somebody sets the coordinator's wall clock, by up to a week forwards or back.
        case clockJump
        /// A worker gives up a connection whose messages reach the coordinator late, while the next one is served already.
        case duplicate
        /// A worker's connection is lost, and the hello of the next one arrives only after that of the one that follows.
        case reorder
    }

    var seed: UInt64
    var rows = 3
    var guidances = 6
    /// Seconds that an image takes on each of the workers.
    var paces: [Double] = [1]
    var faults: [Fault] = []
    /// Mean time between two faults, in seconds.
    var between = 20.0
    /// After this many seconds nothing goes wrong any more.
    var trouble = 300.0
    /// Whether one cell kills whoever renders it.
    var hasPoison = false
    /// Whether one cell fails wherever it is rendered.
    var hasBadCell = false
    /// Whether the first worker fails every cell.
    var hasSickWorker = false
    /// Whether the first worker lacks the model.
    var hasUnableWorker = false
    /// Whether a worker that dies loses its spool, which no real one does.
    var losesSpools = false
    var protections = Protections()

    /// What keeps the promises; switched off to see that its absence is noticed.
    struct Protections: Sendable {
        var noticesSilence = true
        var noticesStandstill = true
        var noticesClockGaps = true
        var keepsLeasesOfTheAbsent = true
        var quarantines = true
        var copiesSlowLeases = true
        var adaptsShares = true
        /// Whether a drained coordinator waits until the workers have heard of it.
        var saysFarewell = true
        /// Whether a worker's connections are told apart and their order is known.
        var numbersConnections = true
    }

    init(seed: UInt64) {
        self.seed = seed
    }

    /// A scenario in which anything may happen.
    static func anything(_ seed: UInt64) -> Scenario {
        var random = SplitMix(state: seed &* 0x9E37_79B9)
        var scenario = Scenario(seed: seed)
        scenario.rows = .random(in: 1...4, using: &random)
        scenario.guidances = .random(in: 1...9, using: &random)
        scenario.paces = (0..<Int.random(in: 1...5, using: &random)).map { _ in
            [0.2, 1, 3, 10, 30].randomElement(using: &random) ?? 1
        }
        scenario.faults = Fault.allCases.filter {
            ![Fault.clockJump, .duplicate, .reorder].contains($0) && Int.random(in: 0..<3, using: &random) > 0
        }
        scenario.between = .random(in: 3...60, using: &random)
        scenario.trouble = .random(in: 0...900, using: &random)
        scenario.hasPoison = Int.random(in: 0..<4, using: &random) == 0
        scenario.hasBadCell = Int.random(in: 0..<4, using: &random) == 0
        scenario.hasSickWorker = scenario.paces.count > 1 && Int.random(in: 0..<5, using: &random) == 0
        scenario.hasUnableWorker = scenario.paces.count > 1 && Int.random(in: 0..<5, using: &random) == 0
        if Int.random(in: 0..<3, using: &random) == 0 { scenario.faults.append(.clockJump) }
        // Last, so that without them a seed still means what it meant before there were these.
        scenario.faults += [Fault.duplicate, .reorder].filter { _ in Int.random(in: 0..<3, using: &random) > 0 }
        return scenario
    }

    /// The same without the kinds of trouble that have been added since these seeds broke a promise.
    static func mended(_ seed: UInt64) -> Scenario {
        var scenario = anything(seed)
        scenario.faults.removeAll { $0 == .duplicate || $0 == .reorder }
        return scenario
    }

    /// One row a prompt, one cell a guidance value; a row is a shard.
    var plan: SweepPlan {
        var positions: [Position] = []
        var cells: [PlannedCell] = []
        var shards: [Shard] = []
        for row in 0..<rows {
            var shard: [CellKey] = []
            for guidance in 1...guidances {
                let cell = Cell(
                    fingerprint: String(repeating: "f", count: 64), guidance: Decimal(guidance), height: 8,
                    negativePrompt: "", prompt: "prompt \(row)", sampler: .ddim, seed: 1, steps: 4, width: 8)
                shard.append(cell.key)
                cells.append(PlannedCell(key: cell.key, cell: cell, firstPosition: positions.count))
                positions.append(
                    Position(
                        index: positions.count, cell: cell.key, model: "tiny", prompt: cell.prompt,
                        negativePrompt: "", style: "none", guidance: cell.guidance, seed: 1, steps: 4, sampler: .ddim,
                        width: 8, height: 8))
            }
            shards.append(Shard(cells: shard))
        }
        return SweepPlan(
            name: "simulated", source: "name: simulated", positions: positions, cells: cells, shards: shards)
    }

    /// The cell that kills its worker.
    var poison: CellKey? {
        hasPoison ? plan.cells[Int(seed % UInt64(rows * guidances))].key : nil
    }

    /// The cell that fails everywhere.
    var badCell: CellKey? {
        hasBadCell ? plan.cells[Int((seed / 7) % UInt64(rows * guidances))].key : nil
    }
}

/// A small seeded generator (SplitMix64: Steele, Lea and Flood, OOPSLA 2014), so that a failing run can be run again.
struct SplitMix: RandomNumberGenerator, Sendable {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
