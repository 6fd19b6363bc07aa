import SharedModel

/// The grid in columns: for every axis its values, and for every position which of them it has.
///
/// It holds what does not change while a coordinator serves a sweep, in a few bytes a position.
package struct GridIndex: Sendable {
    /// An axis with its values in the order in which the grid shows them first.
    package struct Axis: Sendable {
        package let axis: GridAxis
        package fileprivate(set) var values: [String] = []
        /// For every position the index of its value.
        package fileprivate(set) var indices: [Int32] = []
        private var known: [String: Int32] = [:]

        fileprivate init(_ axis: GridAxis) {
            self.axis = axis
        }

        fileprivate mutating func append(_ value: String) {
            if let index = known[value] {
                indices.append(index)
            } else {
                let index = Int32(clamping: values.count)
                known[value] = index
                values.append(value)
                indices.append(index)
            }
        }
    }

    /// All axes, also those of one value.
    package private(set) var axes: [Axis] = GridAxis.allCases.map(Axis.init)
    /// For every position the number of its cell; positions that show one image share it.
    package private(set) var cells: [Int32] = []
    private var knownCells: [String: Int32] = [:]

    /// Reads the whole grid. Blocks.
    package init(_ reader: SweepReader) throws {
        try reader.forEachRow { append($0) }
        knownCells = [:]
    }

    /// The axis of a name.
    package subscript(axis: GridAxis) -> Axis? {
        axes.first { $0.axis == axis }
    }

    package var positions: Int { cells.count }

    private mutating func append(_ row: GridRow) {
        for index in axes.indices { axes[index].append(axes[index].axis.value(of: row)) }
        let next = Int32(clamping: knownCells.count)
        cells.append(knownCells[row.cell.hex, default: next])
        if cells.last == next { knownCells[row.cell.hex] = next }
    }
}
