import SharedModel

/// A plan whose parts agree, and where each of its cells is granted.
struct PlanCheck {
    /// Where a cell is granted.
    struct Place {
        var shard: Int32
        var rank: Int32
    }

    /// For each cell of the plan, in the plan's order.
    private(set) var places: [Place]
    /// The keys of the plan's cells, in the plan's order.
    let keys: [CellKey]
    /// Indices of the plan's cells in the order of their keys.
    let order: [Int32]

    /// - Throws: ``CoordinatorError/badPlan(_:)`` when a cell is missing, doubled, or can't be sent to a worker.
    init(_ plan: SweepPlan) throws {
        guard let count = Int32(exactly: plan.cells.count), Int32(exactly: plan.shards.count) != nil else {
            throw CoordinatorError.badPlan("it has more cells than can be counted")
        }
        var keys: [CellKey] = []
        keys.reserveCapacity(plan.cells.count)
        for planned in plan.cells {
            guard plan.positions.indices.contains(planned.firstPosition) else {
                throw CoordinatorError.badPlan("the cell \(planned.key) is shown at no position")
            }
            keys.append(planned.key)
        }
        // With a part of the key beside each index no comparison has to go and look at two keys.
        var entries = zip(keys, 0..<count).map { (prefix: $0.prefix, index: $1) }
        entries.sort {
            $0.prefix < $1.prefix || $0.prefix == $1.prefix && keys[Int($0.index)] < keys[Int($1.index)]
        }
        let order = entries.map(\.index)
        for (first, second) in zip(order, order.dropFirst()) where keys[Int(first)] == keys[Int(second)] {
            throw CoordinatorError.badPlan("the cell \(keys[Int(first)]) is listed twice")
        }
        self.keys = keys
        self.order = order
        places = []
        places = try places(in: plan)
        try checkPositions(of: plan)
        try Self.checkSizes(in: plan)
    }

    /// Finds the plan's cells by their keys; asked for them in a regular order, it guesses right nearly always.
    var finder: CellFinder { CellFinder(keys: keys, order: order) }

    private func places(in plan: SweepPlan) throws -> [Place] {
        let nowhere = Int32(-1)
        var places = [Place](repeating: Place(shard: nowhere, rank: 0), count: keys.count)
        var placed = 0
        var finder = finder
        for (shard, cells) in plan.shards.lazy.map(\.cells).enumerated() {
            guard !cells.isEmpty else { throw CoordinatorError.badPlan("shard \(shard) is empty") }
            for (rank, key) in cells.enumerated() {
                guard let index = finder.index(of: key), places[index].shard == nowhere else {
                    throw CoordinatorError.badPlan("shard \(shard) holds a cell that is unknown or in another shard")
                }
                places[index] = Place(shard: Int32(shard), rank: Int32(rank))
                placed += 1
            }
        }
        guard placed == keys.count else { throw CoordinatorError.badPlan("some cell is in no shard") }
        return places
    }

    private func checkPositions(of plan: SweepPlan) throws {
        var finder = finder
        for (index, position) in plan.positions.enumerated() {
            guard position.index == index, finder.index(of: position.cell) != nil else {
                throw CoordinatorError.badPlan("position \(position.index) is out of order or shows an unknown cell")
            }
        }
    }

    /// Cells that differ in guidance alone are of one length.
    private static func checkSizes(in plan: SweepPlan) throws {
        try plan.forEachRow { planned in
            let position = plan.positions[planned.firstPosition]
            let granted = GrantedCell(
                key: planned.key, cell: planned.cell, position: position.index, rawPrompt: position.prompt,
                rawNegativePrompt: position.negativePrompt, style: position.style, files: position.files)
            guard granted.wireBytes <= GrantSize.limit else {
                throw CoordinatorError.badPlan(
                    "the prompt at position \(position.index) is too long to be sent to a worker")
            }
        }
    }
}

/// Finds cells by their keys without a table of its own.
struct CellFinder {
    private let keys: [CellKey]
    private let order: [Int32]
    private var last = -1
    /// Distances between the last cells that were found.
    private var steps = (1, 1)

    init(keys: [CellKey], order: [Int32]) {
        self.keys = keys
        self.order = order
    }

    /// The cell's index in the plan; `nil` for a cell that is not in it.
    mutating func index(of key: CellKey) -> Int? {
        // Neighbours in a shard or in the grid stand at equal distances in the plan.
        if isCell(last + steps.0, key) { return found(last + steps.0) }
        if isCell(last + steps.1, key) { return found(last + steps.1) }
        var (low, high) = (0, order.count)
        while low < high {
            let middle = (low + high) / 2
            if keys[Int(order[middle])] < key { low = middle + 1 } else { high = middle }
        }
        guard low < order.count, keys[Int(order[low])] == key else { return nil }
        return found(Int(order[low]))
    }

    private func isCell(_ index: Int, _ key: CellKey) -> Bool {
        keys.indices.contains(index) && keys[index] == key
    }

    private mutating func found(_ index: Int) -> Int {
        // Between two shards there is one odd step, which must not hide the other.
        if index - last != steps.0 { steps = (index - last, steps.0) }
        last = index
        return index
    }
}

/// How much of a grant's frame its cells may fill, in bytes.
enum GrantSize {
    /// A frame's limit less the grant's own fields.
    static let limit = WireLimits.controlFrameBytes - 32 * 1024
}

extension GrantedCell {
    /// Upper bound of the bytes that the cell takes as JSON in a grant.
    var wireBytes: Int {
        let options = cell.options.isDefault ? "{}".utf8.count : cell.options.canonicalJSON.count
        let fixed = 1024 + options + Self.wireBytes(ofFiles: files)
        return [cell.prompt, cell.negativePrompt, rawPrompt, rawNegativePrompt, style].reduce(fixed) { sum, text in
            // A control character takes six bytes as JSON, a quote two.
            sum + text.utf8.reduce(0) { $0 + ($1 < 0x20 || $1 == 0x7F ? 6 : $1 == 0x22 || $1 == 0x5C ? 2 : 1) }
        }
    }
}
