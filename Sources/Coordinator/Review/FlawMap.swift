/// Where in the grid images are flawed: the rate for every value of two axes.
///
/// An image counts once where it shows, also when several positions there share it. With several auditors an image
/// counts as they agree; where they differ it is left out of the rate and counted as disputed.
package struct FlawMap: Equatable, Sendable {
    /// One crossing of the two axes.
    package struct Field: Equatable, Sendable {
        package var rate = FlawRate()
        /// Images on which auditors differ.
        package var disputed = 0
        /// Distinct images and cells without one.
        package var cells = 0
    }

    /// Whose opinions count, and what counts as a flaw.
    package struct Filter: Equatable, Sendable {
        /// One auditor's opinions alone; `nil` takes those of all.
        package var auditor: String?
        /// Images that were rejected for another reason count as sound; `nil` takes every reason.
        package var tag: FlawTag?

        package init(auditor: String? = nil, tag: FlawTag? = nil) {
            self.auditor = auditor
            self.tag = tag
        }
    }

    package private(set) var rows: [String]
    package private(set) var columns: [String]
    /// `[row][column]`
    package private(set) var fields: [[Field]]
    /// One rate for each row, over all columns.
    package private(set) var rowTotals: [Field]
    package private(set) var columnTotals: [Field]
    package private(set) var total = Field()

    fileprivate enum Finding {
        case sound, flawed, disputed
    }

    /// Counts the opinions on a grid by two of its axes.
    package init(
        _ grid: GridIndex, _ opinions: [PlacedOpinion], rows: GridAxis, columns: GridAxis, filter: Filter = Filter()
    ) {
        let (rowAxis, columnAxis) = (grid[rows], grid[columns])
        self.rows = rowAxis?.values ?? []
        self.columns = columnAxis?.values ?? []
        fields = Array(repeating: Array(repeating: Field(), count: self.columns.count), count: self.rows.count)
        rowTotals = Array(repeating: Field(), count: self.rows.count)
        columnTotals = Array(repeating: Field(), count: self.columns.count)
        guard let rowAxis, let columnAxis else { return }

        let findings = Self.findings(grid, opinions, filter)
        var seen = Set<[Int32]>()
        for position in 0..<grid.positions {
            let cell = grid.cells[position]
            let (row, column) = (rowAxis.indices[position], columnAxis.indices[position])
            let finding = findings[cell]
            // -1 stands for any value.
            if seen.insert([row, column, cell]).inserted { fields[Int(row)][Int(column)].add(finding) }
            if seen.insert([row, -1, cell]).inserted { rowTotals[Int(row)].add(finding) }
            if seen.insert([-1, column, cell]).inserted { columnTotals[Int(column)].add(finding) }
            if seen.insert([-1, -1, cell]).inserted { total.add(finding) }
        }
    }

    private static func findings(_ grid: GridIndex, _ opinions: [PlacedOpinion], _ filter: Filter) -> [Int32: Finding] {
        var findings: [Int32: Finding] = [:]
        for placed in opinions where grid.cells.indices.contains(placed.position) {
            let opinion = placed.opinion
            if let auditor = filter.auditor, opinion.auditor != auditor { continue }
            let isFlawed = opinion.verdict == .reject && (filter.tag.map(opinion.tags.contains) ?? true)
            let finding = isFlawed ? Finding.flawed : .sound
            let cell = grid.cells[placed.position]
            findings[cell] = findings[cell].map { $0 == finding ? $0 : .disputed } ?? finding
        }
        return findings
    }
}

extension FlawMap.Field {
    fileprivate mutating func add(_ finding: FlawMap.Finding?) {
        cells += 1
        switch finding {
        case .sound: rate.judged += 1
        case .flawed:
            rate.judged += 1
            rate.flawed += 1
        case .disputed: disputed += 1
        case nil: break
        }
    }
}
