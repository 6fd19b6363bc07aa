/// A sweep worked out: what is shown where, what is rendered, and in which order it is handed out.
package struct SweepPlan: Equatable, Sendable {
    package var name: String
    /// The sweep file as it was read, byte for byte.
    package var source: String
    /// All points of the grid, in grid order.
    package var positions: [Position]
    /// The distinct cells, in the order of their first position.
    package var cells: [PlannedCell]
    /// Runs of cells that share work, in the order in which they are to be granted: coarse to fine.
    package var shards: [Shard]

    package init(name: String, source: String, positions: [Position], cells: [PlannedCell], shards: [Shard]) {
        self.name = name
        self.source = source
        self.positions = positions
        self.cells = cells
        self.shards = shards
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
