import SharedModel

/// What one contact sheet shows: one axis down, one across, everything else the same.
struct SheetContent: Equatable {
    /// The values of all axes but the two that the sheet spreads out.
    struct Setting: Hashable {
        let values: [GridAxis: String]

        init(_ row: GridRow, down: GridAxis = .style, across: GridAxis = .guidance) {
            let axes = GridAxis.allCases.filter { $0 != down && $0 != across }
            values = Dictionary(uniqueKeysWithValues: axes.map { ($0, $0.value(of: row)) })
        }

        /// The axes in which one of the settings differs from another.
        static func varying(in settings: [Setting]) -> Set<GridAxis> {
            guard let first = settings.first else { return [] }
            return Set(GridAxis.allCases.filter { axis in settings.contains { $0.values[axis] != first.values[axis] } })
        }
    }

    struct Place: Hashable {
        let row: Int
        let column: Int
    }

    struct Tile: Equatable {
        let state: String
        let sha256: String?
        let width: Int
        let height: Int

        init(state: String, sha256: String?, width: Int, height: Int) {
            self.state = state
            self.sha256 = sha256
            self.width = width
            self.height = height
        }

        init(_ row: GridRow) {
            self.init(state: row.state, sha256: row.sha256, width: row.width, height: row.height)
        }
    }

    let setting: Setting
    let down: GridAxis
    let across: GridAxis
    /// Values of the axis that goes down, in grid order.
    private(set) var rows: [String] = []
    private(set) var columns: [String] = []
    /// Of the widest and of the highest image.
    private(set) var width = 1
    private(set) var height = 1
    private var rowIndices: [String: Int] = [:]
    private var columnIndices: [String: Int] = [:]
    private var tiles: [Place: Tile] = [:]

    init(_ setting: Setting, down: GridAxis, across: GridAxis) {
        self.setting = setting
        self.down = down
        self.across = across
    }

    /// The tile at a crossing; `nil` where the grid has none.
    func tile(row: Int, column: Int) -> Tile? {
        tiles[Place(row: row, column: column)]
    }

    mutating func add(_ row: GridRow) {
        let place = Place(
            row: Self.index(of: down.value(of: row), in: &rows, &rowIndices),
            column: Self.index(of: across.value(of: row), in: &columns, &columnIndices))
        tiles[place] = Tile(row)
        width = max(width, row.width)
        height = max(height, row.height)
    }

    private static func index(of value: String, in values: inout [String], _ indices: inout [String: Int]) -> Int {
        if let index = indices[value] { return index }
        indices[value] = values.count
        values.append(value)
        return values.count - 1
    }
}

/// Deals the positions of a grid out to sheets.
///
/// A sweep may name a value twice; a sheet shows each crossing once, so the second time goes to a second sheet, as a
/// repeated prompt should.
struct SheetCollector {
    private struct Crossing: Hashable {
        let row: String
        let column: String
    }

    private struct Group {
        /// Its sheets, by their place among all.
        var sheets: [Int] = []
        var timesSeen: [Crossing: Int] = [:]
    }

    private(set) var sheets: [SheetContent] = []
    private let down: GridAxis
    private let across: GridAxis
    private var groups: [SheetContent.Setting: Group] = [:]

    init(down: GridAxis = .style, across: GridAxis = .guidance) {
        self.down = down
        self.across = across
    }

    mutating func add(_ row: GridRow) {
        let setting = SheetContent.Setting(row, down: down, across: across)
        let crossing = Crossing(row: down.value(of: row), column: across.value(of: row))
        let time = groups[setting, default: Group()].timesSeen[crossing, default: 0]
        groups[setting, default: Group()].timesSeen[crossing] = time + 1
        if groups[setting]?.sheets.indices.contains(time) != true {
            groups[setting, default: Group()].sheets.append(sheets.count)
            sheets.append(SheetContent(setting, down: down, across: across))
        }
        if let sheet = groups[setting]?.sheets[time] { sheets[sheet].add(row) }
    }
}
