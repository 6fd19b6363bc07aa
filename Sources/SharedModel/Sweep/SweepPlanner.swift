import Foundation

/// Plans a grid whose axes are known.
///
/// Two positions show the same cell exactly when their settings, texts and guidance are equal, each for itself. So
/// equal values are found axis by axis, and no position needs its key computed to be recognised.
struct SweepPlanner {
    private let sweep: Sweep
    private let settings: [GridSetting]
    private let texts: [GridText]
    private let distinctSettings: Distinct
    private let distinctTexts: Distinct
    private let distinctGuidance: Distinct

    init(sweep: Sweep, settings: [GridSetting], texts: [GridText]) {
        self.sweep = sweep
        self.settings = settings
        self.texts = texts
        distinctSettings = Distinct(settings.map(\.key))
        distinctTexts = Distinct(texts.map(\.key))
        distinctGuidance = Distinct(sweep.guidance)
    }

    func plan() -> SweepPlan {
        let guidance = sweep.guidance.map(\.canonicalText)
        let rowCount = distinctSettings.count * distinctTexts.count
        // A row, the cells that differ in guidance alone, stands together in the plan and is known by its first cell.
        var firstCellOfRow = [Int?](repeating: nil, count: rowCount)
        var positions: [Position] = []
        positions.reserveCapacity(settings.count * texts.count * sweep.guidance.count)
        var cells: [PlannedCell] = []
        cells.reserveCapacity(rowCount * distinctGuidance.count)

        for (settingIndex, setting) in settings.enumerated() {
            for (textIndex, text) in texts.enumerated() {
                let rowIndex =
                    distinctSettings.classes[settingIndex] * distinctTexts.count + distinctTexts.classes[textIndex]
                let firstCell = firstCellOfRow[rowIndex] ?? cells.count
                if firstCell == cells.count {
                    firstCellOfRow[rowIndex] = firstCell
                    appendRow(setting, text, guidance, firstPosition: positions.count, to: &cells)
                }
                for (index, value) in sweep.guidance.enumerated() {
                    let key = cells[firstCell + distinctGuidance.classes[index]].key
                    positions.append(
                        position(positions.count, cell: key, setting: setting, text: text, guidance: value))
                }
            }
        }
        return SweepPlan(
            name: sweep.name, source: sweep.source, positions: positions, cells: cells, shards: shards(of: cells))
    }

    /// Appends the cells of a row that is met for the first time.
    private func appendRow(
        _ setting: GridSetting, _ text: GridText, _ guidance: [String], firstPosition: Int,
        to cells: inout [PlannedCell]
    ) {
        var cell = Cell(
            fingerprint: setting.key.fingerprint, guidance: 0, height: setting.key.size.height,
            negativePrompt: text.composedNegativePrompt, options: setting.key.options, prompt: text.composedPrompt,
            sampler: setting.key.sampler, seed: setting.key.seed, steps: setting.key.steps,
            width: setting.key.size.width)
        let canonical = CanonicalRow(of: cell)
        for index in distinctGuidance.representatives {
            cell.guidance = sweep.guidance[index]
            let key = canonical.key(guidance: guidance[index])
            cells.append(PlannedCell(key: key, cell: cell, firstPosition: firstPosition + index))
        }
    }

    private func position(
        _ index: Int, cell: CellKey, setting: GridSetting, text: GridText, guidance: Decimal
    ) -> Position {
        Position(
            index: index, cell: cell, model: setting.model, prompt: text.prompt, negativePrompt: text.negativePrompt,
            style: text.style, guidance: guidance, seed: setting.key.seed, steps: setting.key.steps,
            sampler: setting.key.sampler, width: setting.key.size.width, height: setting.key.size.height,
            files: setting.files)
    }

    private func shards(of cells: [PlannedCell]) -> [Shard] {
        let ascending = distinctGuidance.representatives.indices.sorted { first, second in
            let representatives = distinctGuidance.representatives
            return sweep.guidance[representatives[first]] < sweep.guidance[representatives[second]]
        }
        let order = ShardOrder(rowLength: ascending.count, shardSize: shardSize)
        var shards: [Shard] = []
        shards.reserveCapacity(cells.count / ascending.count * order.pieces.count)
        for piece in order.pieces {
            for firstCell in stride(from: 0, to: cells.count, by: ascending.count) {
                shards.append(Shard(cells: piece.map { cells[firstCell + ascending[$0]].key }))
            }
        }
        return shards
    }

    /// The sweep's shard size, or less where long texts would make a grant outgrow a frame of the wire.
    private var shardSize: Int {
        // JSON writes a byte as two at most (control characters other than \n and \t are refused earlier). A grant
        // repeats the texts for every cell; 1 KiB stands for the keys, numbers and hexadecimal digits around them, and
        // 32 KiB for the grant's own fields.
        let longest = texts.reduce(0) { longest, text in
            let lengths = [
                text.prompt, text.negativePrompt, text.style, text.composedPrompt, text.composedNegativePrompt,
            ].map(\.utf8.count)
            return max(longest, 2 * lengths.reduce(0, +) + 1024)
        }
        let options = settings.reduce(0) { longest, setting in
            max(longest, setting.key.options.canonicalJSON.count + GrantedCell.wireBytes(ofFiles: setting.files))
        }
        let room = WireLimits.controlFrameBytes - 32 * 1024
        return max(1, min(sweep.shardSize, WireLimits.grantedCells, room / max(longest + options, 1)))
    }
}

/// Which values of an axis are equal.
private struct Distinct {
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
