import Foundation
import SharedModel

/// What one contact sheet shows: styles as rows, guidance values as columns, everything else the same.
struct SheetContent: Equatable {
    /// Everything of a position but its style and guidance.
    struct Setting: Hashable {
        let model: String
        let prompt: String
        let negativePrompt: String
        let seed: UInt64
        let steps: Int
        let sampler: SamplerName
        let width: Int
        let height: Int
        let options: RenderOptions

        init(_ row: GridRow) {
            model = row.model
            prompt = row.prompt
            negativePrompt = row.negativePrompt
            seed = row.seed
            steps = row.steps
            sampler = row.sampler
            width = row.width
            height = row.height
            options = row.options
        }
    }

    struct Place: Hashable {
        let row: Int
        let column: Int
    }

    struct Tile: Equatable {
        let state: String
        let sha256: String?
    }

    let setting: Setting
    /// Names of the styles, in grid order.
    private(set) var styles: [String] = []
    private(set) var guidance: [Decimal] = []
    private var rows: [String: Int] = [:]
    private var columns: [Decimal: Int] = [:]
    private var tiles: [Place: Tile] = [:]

    init(_ setting: Setting) {
        self.setting = setting
    }

    /// The tile at a crossing; `nil` where the grid has none.
    func tile(row: Int, column: Int) -> Tile? {
        tiles[Place(row: row, column: column)]
    }

    mutating func add(_ row: GridRow) {
        let place = Place(
            row: Self.index(of: row.style, in: &styles, &rows),
            column: Self.index(of: row.guidance, in: &guidance, &columns))
        tiles[place] = Tile(state: row.state, sha256: row.sha256)
    }

    private static func index<Value: Hashable>(
        of value: Value, in values: inout [Value], _ indices: inout [Value: Int]
    ) -> Int {
        if let index = indices[value] { return index }
        indices[value] = values.count
        values.append(value)
        return values.count - 1
    }
}

/// Deals the positions of a grid out to sheets.
///
/// In grid order the positions of a setting stand together. A sweep may name a prompt, a style or a guidance value
/// twice; a sheet shows each crossing once, so the second time goes to a second sheet, as a repeated prompt should.
struct SheetCollector {
    private struct Crossing: Hashable {
        let style: String
        let guidance: Decimal
    }

    private(set) var sheets: [SheetContent] = []
    /// The first sheet of the current setting.
    private var first = 0
    private var timesSeen: [Crossing: Int] = [:]

    mutating func add(_ row: GridRow) {
        let setting = SheetContent.Setting(row)
        if sheets.last?.setting != setting {
            first = sheets.count
            timesSeen.removeAll(keepingCapacity: true)
        }
        let index = first + timesSeen[Crossing(style: row.style, guidance: row.guidance), default: 0]
        timesSeen[Crossing(style: row.style, guidance: row.guidance), default: 0] += 1
        if index == sheets.count { sheets.append(SheetContent(setting)) }
        sheets[index].add(row)
    }
}
