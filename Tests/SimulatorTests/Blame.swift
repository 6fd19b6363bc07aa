import SharedModel

/// Who really died with which cell, so that a sound cell is parked for that alone and never for what the network did.
struct Blame {
    /// How often a worker died, or its engine hung, that held nothing of a lease but the cell; since the last retry.
    private(set) var deaths: [CellKey: Int] = [:]
    /// Grants of each worker that have not arrived yet.
    private var underway: [[LeaseID: Set<CellKey>]]

    init(workers: Int) {
        underway = Array(repeating: [:], count: workers)
    }

    mutating func granted(_ grant: Grant, to worker: Int) {
        underway[worker][grant.lease] = Set(grant.cells.map(\.key))
    }

    mutating func received(_ lease: LeaseID, by worker: Int) {
        underway[worker][lease] = nil
    }

    /// A worker is back: it is alive, and what had not arrived never will.
    mutating func joined(_ worker: Int) {
        underway[worker] = [:]
    }

    /// Counts who died alone with what.
    ///
    /// - Parameters:
    ///   - worker: Its number.
    ///   - held: The cells of each lease that the worker had.
    ///   - settled: Cells that have an image, or that this worker reported as failed: the coordinator counts neither.
    mutating func died(_ worker: Int, holding held: [Set<CellKey>], settled: Set<CellKey>) {
        for lease in held + underway[worker].values {
            let undone = lease.subtracting(settled)
            if undone.count == 1, let cell = undone.first { deaths[cell, default: 0] += 1 }
        }
        underway[worker] = [:]
    }

    /// Whether a sound cell may be parked: three died with it, or some worker is sick.
    func explains(_ cell: CellKey, failures: [Int]) -> Bool {
        deaths[cell, default: 0] >= 3 || failures.reduce(0, +) >= 3 || failures.count { $0 > 0 } >= 2
    }

    /// A person had the cells tried again.
    mutating func forget() {
        deaths = [:]
    }
}
