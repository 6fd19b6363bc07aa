import Foundation

/// A grid worked out as far as it must be kept: its axes, and the key of each distinct cell.
///
/// Two positions show the same cell exactly when their settings, texts and guidance are equal, each for itself. So
/// equal values are found axis by axis, and no position needs its key computed to be recognised. The cells that differ in
/// guidance alone are a row; rows stand one after the other in the plan, in the order of their first position, which is
/// that of their settings, then of their texts.
struct PlannedGrid: Sendable {
    private let settings: [GridSetting]
    private let texts: [GridText]
    private let guidance: [Decimal]
    private let distinctSettings: Distinct
    private let distinctTexts: Distinct
    private let distinctGuidance: Distinct
    private let keys: [CellKey]
    /// For each shard of a row the places of its cells in the row, in the order of granting.
    private let pieces: [[Int]]

    init(settings: [GridSetting], texts: [GridText], guidance: [Decimal], shardSize: Int) {
        self.settings = settings
        self.texts = texts
        self.guidance = guidance
        distinctSettings = Distinct(settings.map(\.key))
        distinctTexts = Distinct(texts.map(\.key))
        let distinct = Distinct(guidance)
        distinctGuidance = distinct
        let representatives = distinct.representatives
        let ascending = representatives.indices.sorted { first, second in
            guidance[representatives[first]] < guidance[representatives[second]]
        }
        pieces = ShardOrder(rowLength: ascending.count, shardSize: shardSize).pieces.map { $0.map { ascending[$0] } }
        var keys: [CellKey] = []
        keys.reserveCapacity(distinctSettings.count * distinctTexts.count * representatives.count)
        let values = representatives.map { Array(guidance[$0].canonicalText.utf8) }
        for setting in distinctSettings.representatives {
            for text in distinctTexts.representatives {
                let row = CanonicalRow(of: Self.cell(settings[setting], texts[text], guidance: 0))
                for value in values { keys.append(row.key(guidance: value)) }
            }
        }
        self.keys = keys
    }

    var positions: PlanList<Position> {
        PlanList(
            count: settings.count * texts.count * guidance.count, runLength: guidance.count, element: position)
    }

    var cells: PlanList<PlannedCell> {
        PlanList(count: keys.count, runLength: rowLength, element: cell)
    }

    var shards: PlanList<Shard> {
        PlanList(count: pieces.count * rowCount, element: shard)
    }

    private var rowCount: Int { distinctSettings.count * distinctTexts.count }
    private var rowLength: Int { distinctGuidance.count }

    @Sendable private func position(_ index: Int) -> Position {
        let (line, value) = index.quotientAndRemainder(dividingBy: guidance.count)
        let (settingIndex, textIndex) = line.quotientAndRemainder(dividingBy: texts.count)
        let row = distinctSettings.classes[settingIndex] * distinctTexts.count + distinctTexts.classes[textIndex]
        let (setting, text) = (settings[settingIndex], texts[textIndex])
        return Position(
            index: index, cell: keys[row * rowLength + distinctGuidance.classes[value]], model: setting.model,
            prompt: text.prompt, negativePrompt: text.negativePrompt, style: text.style, guidance: guidance[value],
            seed: setting.key.seed, steps: setting.key.steps, sampler: setting.key.sampler,
            width: setting.key.size.width, height: setting.key.size.height, files: setting.files)
    }

    @Sendable private func cell(_ index: Int) -> PlannedCell {
        let (row, place) = index.quotientAndRemainder(dividingBy: rowLength)
        let setting = distinctSettings.representatives[row / distinctTexts.count]
        let text = distinctTexts.representatives[row % distinctTexts.count]
        let value = distinctGuidance.representatives[place]
        return PlannedCell(
            key: keys[index], cell: Self.cell(settings[setting], texts[text], guidance: guidance[value]),
            firstPosition: (setting * texts.count + text) * guidance.count + value)
    }

    /// All rows have their first shard before any has its second.
    @Sendable private func shard(_ index: Int) -> Shard {
        let (piece, row) = index.quotientAndRemainder(dividingBy: rowCount)
        return Shard(cells: pieces[piece].map { keys[row * rowLength + $0] })
    }

    private static func cell(_ setting: GridSetting, _ text: GridText, guidance: Decimal) -> Cell {
        Cell(
            fingerprint: setting.key.fingerprint, guidance: guidance, height: setting.key.size.height,
            negativePrompt: text.composedNegativePrompt, options: setting.key.options, prompt: text.composedPrompt,
            sampler: setting.key.sampler, seed: setting.key.seed, steps: setting.key.steps,
            width: setting.key.size.width)
    }
}

/// Which values of an axis are equal.
private struct Distinct: Sendable {
    /// For every value the number of its class; classes are numbered in the order of their first value.
    let classes: [Int]
    /// For every class the index of its first value.
    let representatives: [Int]

    var count: Int { representatives.count }

    init<Value: Hashable>(_ values: [Value]) {
        var known: [Value: Int] = [:]
        var classes: [Int] = []
        var representatives: [Int] = []
        for (index, value) in values.enumerated() {
            if let number = known[value] {
                classes.append(number)
            } else {
                known[value] = representatives.count
                classes.append(representatives.count)
                representatives.append(index)
            }
        }
        self.classes = classes
        self.representatives = representatives
    }
}
