import SharedModel

/// A plan whose parts agree, and where each of its cells is granted.
struct PlanCheck {
    /// For each cell of the plan, in the plan's order: the index of its shard and its place there.
    private(set) var places: [(shard: Int, rank: Int)]
    /// Index in the plan's cells.
    let cellIndex: [CellKey: Int]

    /// - Throws: ``CoordinatorError/badPlan(_:)`` when a cell is missing, doubled, or can't be sent to a worker.
    init(_ plan: SweepPlan) throws {
        var cellIndex: [CellKey: Int] = [:]
        cellIndex.reserveCapacity(plan.cells.count)
        for (index, planned) in plan.cells.enumerated() {
            guard cellIndex.updateValue(index, forKey: planned.key) == nil else {
                throw CoordinatorError.badPlan("the cell \(planned.key) is listed twice")
            }
            guard plan.positions.indices.contains(planned.firstPosition) else {
                throw CoordinatorError.badPlan("the cell \(planned.key) is shown at no position")
            }
        }
        var places = [(shard: Int, rank: Int)?](repeating: nil, count: plan.cells.count)
        for (shard, cells) in plan.shards.map(\.cells).enumerated() {
            guard !cells.isEmpty else { throw CoordinatorError.badPlan("shard \(shard) is empty") }
            for (rank, key) in cells.enumerated() {
                guard let index = cellIndex[key], places[index] == nil else {
                    throw CoordinatorError.badPlan("shard \(shard) holds a cell that is unknown or in another shard")
                }
                places[index] = (shard, rank)
            }
        }
        self.places = places.compactMap(\.self)
        guard self.places.count == plan.cells.count else {
            throw CoordinatorError.badPlan("some cell is in no shard")
        }
        for (index, position) in plan.positions.enumerated() {
            guard position.index == index, let cell = cellIndex[position.cell] else {
                throw CoordinatorError.badPlan("position \(position.index) is out of order or shows an unknown cell")
            }
            guard plan.cells[cell].firstPosition == index else { continue }
            try Self.checkSize(of: plan.cells[cell], at: position)
        }
        self.cellIndex = cellIndex
    }

    private static func checkSize(of planned: PlannedCell, at position: Position) throws {
        let granted = GrantedCell(
            key: planned.key, cell: planned.cell, position: position.index, rawPrompt: position.prompt,
            rawNegativePrompt: position.negativePrompt, style: position.style, files: position.files)
        guard granted.wireBytes <= GrantSize.limit else {
            throw CoordinatorError.badPlan(
                "the prompt at position \(position.index) is too long to be sent to a worker")
        }
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
        let fixed = 1024 + cell.options.canonicalJSON.count + Self.wireBytes(ofFiles: files)
        return [cell.prompt, cell.negativePrompt, rawPrompt, rawNegativePrompt, style].reduce(fixed) { sum, text in
            // A control character takes six bytes as JSON, a quote two.
            sum + text.utf8.reduce(0) { $0 + ($1 < 0x20 || $1 == 0x7F ? 6 : $1 == 0x22 || $1 == 0x5C ? 2 : 1) }
        }
    }
}
