/// A sweep worked out: what is shown where, what is rendered, and in which order it is handed out.
package struct SweepPlan: Equatable, Sendable {
    package var name: String
    /// The sweep file as it was read, byte for byte.
    package var source: String
    /// All points of the grid, in grid order.
    package var positions: PlanList<Position>
    /// The distinct cells, in the order of their first position.
    package var cells: PlanList<PlannedCell>
    /// Runs of cells that share work, in the order in which they are to be granted: coarse to fine.
    package var shards: PlanList<Shard>
    /// What shows images before they are finished; `nil` shows none.
    package var preview: PreviewFile?

    package init(name: String, source: String, positions: [Position], cells: [PlannedCell], shards: [Shard]) {
        self.init(
            name: name, source: source, positions: PlanList(positions), cells: PlanList(cells),
            shards: PlanList(shards))
    }

    init(
        name: String, source: String, positions: PlanList<Position>, cells: PlanList<PlannedCell>,
        shards: PlanList<Shard>
    ) {
        self.name = name
        self.source = source
        self.positions = positions
        self.cells = cells
        self.shards = shards
    }
}

extension SweepPlan {
    /// Hands on the first of every run of neighbouring cells that differ in guidance alone.
    package func forEachRow(_ body: (PlannedCell) throws -> Void) rethrows {
        var last: Cell?
        for index in stride(from: 0, to: cells.count, by: cells.runLength) {
            let planned = cells[index]
            if let last, planned.cell.differsInGuidanceAlone(from: last) { continue }
            last = planned.cell
            try body(planned)
        }
    }
}

/// A distinct cell of a plan and where it is first shown.
package struct PlannedCell: Equatable, Sendable {
    package var key: CellKey
    package var cell: Cell
    /// Index of the first position that shows the cell; its raw prompt and style go into the image's metadata.
    package var firstPosition: Int

    package init(key: CellKey, cell: Cell, firstPosition: Int) {
        self.key = key
        self.cell = cell
        self.firstPosition = firstPosition
    }
}

/// Cells that differ in guidance alone and are granted together.
package struct Shard: Equatable, Sendable {
    /// The cells, in rendering order; never empty.
    package var cells: [CellKey]

    package init(cells: [CellKey]) {
        self.cells = cells
    }
}
