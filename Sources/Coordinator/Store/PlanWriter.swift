import Foundation
import GRDB
import SharedModel

/// Writes a plan's rows.
///
/// What many cells share is looked up once; of each cell only numbers are kept.
struct PlanWriter {
    /// What a row of cells, which differ in guidance alone, has in common.
    private struct Shared {
        let requirement: Int64
        let fingerprint: Int64
        let prompt: Int64
        let negativePrompt: Int64
        let seed: KeptText
        let sampler: KeptText
        let steps: Int
        let width: Int
        let height: Int
        let options: KeptText
    }

    /// A cell: which of the shared parts and of the guidance values it has, and where it is first shown.
    private struct Compact {
        let shared: Int32
        let guidance: Int32
        let firstPosition: Int32
    }

    /// What a worker must have for a cell.
    private struct RequirementKey: Hashable {
        let fingerprint: Int64
        let options: String
        let width: Int
        let height: Int
    }

    /// No row has this id.
    private static let unknown: Int64 = 0

    private let db: Database
    private let plan: SweepPlan
    private let check: PlanCheck
    private var shared: [Shared] = []
    /// By their bytes: strings are equal when they look alike, however their accents are encoded.
    private var phrases: [[UInt8]: Int64] = [:]
    private var requirements: [RequirementKey: Int64] = [:]
    private var guidances: [Decimal: Int32] = [:]
    private var guidanceTexts: [KeptText] = []
    /// Where texts stand that many rows have.
    private let texts = TextPool()

    init(db: Database, plan: SweepPlan, check: PlanCheck) {
        self.db = db
        self.plan = plan
        self.check = check
    }

    mutating func write(isEdit: Bool) throws {
        var known: [CellKey: Int64] = [:]
        if isEdit {
            for row in try db.rows("SELECT key, id FROM cell") {
                if let key = CellKey(hex: row["key"]) { known[key] = row["id"] }
            }
            try db.run("UPDATE cell SET shard = NULL WHERE shard IS NOT NULL")
            try db.run("UPDATE shard SET priority = 0 WHERE priority > 0")
            try db.run("DELETE FROM position")
        }
        let firstShard = Int64(try db.count("SELECT coalesce(max(id) + 1, 0) FROM shard"))
        let cells = try compactCells()
        try writeShards(of: cells, from: firstShard)
        // Filled in the order of the keys, the index of the pending cells would be filled at random.
        let index = try isEdit ? nil : db.row("SELECT sql FROM sqlite_master WHERE name = 'cell_pending'")
        if index != nil { try db.execute(sql: "DROP INDEX cell_pending") }
        let ids = try writeCells(cells, known: known, firstShard: firstShard)
        if let index { try db.execute(sql: index["sql"]) }
        try writePositions(cells: ids)
    }

    /// The cells of a shard want the same of a worker: they differ in guidance alone.
    private func writeShards(of cells: [Compact], from first: Int64) throws {
        guard !plan.shards.isEmpty else { return }
        var requirements = [Int64](repeating: Self.unknown, count: plan.shards.count)
        for (cell, place) in zip(cells, check.places) where place.rank == 0 {
            requirements[Int(place.shard)] = shared[Int(cell.shared)].requirement
        }
        var insert = try BulkInsert(db, into: "shard (id, cells, requirement)", columns: 3, count: plan.shards.count)
        for (offset, shard) in plan.shards.enumerated() {
            insert.add(first + Int64(offset))
            insert.add(shard.cells.count)
            insert.add(requirements[offset])
            try insert.endRow()
        }
    }

    /// - Returns: The row id of each cell of the plan, in the plan's order.
    private mutating func writeCells(
        _ cells: [Compact], known: [CellKey: Int64], firstShard: Int64
    ) throws -> [Int64] {
        var ids = check.keys.map { known[$0] ?? Self.unknown }
        var update = try BulkStatement(db, "UPDATE cell SET shard = ?, rank = ?, position = ? WHERE id = ?")
        for (index, id) in ids.enumerated() where id != Self.unknown {
            update.add(firstShard + Int64(check.places[index].shard))
            update.add(check.places[index].rank)
            update.add(cells[index].firstPosition)
            update.add(id)
            try update.run()
        }
        let count = ids.count { $0 == Self.unknown }
        guard count > 0 else { return ids }
        var insert = try BulkInsert(
            db,
            into: """
                cell (id, key, fingerprint, prompt, negative_prompt, guidance, seed, steps, sampler, width, height,
                    options, shard, rank, position)
                """, columns: 15, count: count)
        var next = Int64(try db.count("SELECT coalesce(max(id) + 1, 1) FROM cell"))
        var key: [UInt8] = []
        // In the order of their keys: with a million cells the index of the keys is larger than the cache, and to fill it at
        // random would write each of its pages many times.
        for index in check.order.lazy.map(Int.init) where ids[index] == Self.unknown {
            let (cell, place) = (cells[index], check.places[index])
            let shared = shared[Int(cell.shared)]
            insert.add(next)
            key.removeAll(keepingCapacity: true)
            check.keys[index].appendHex(to: &key)
            insert.add(key)
            insert.add(shared.fingerprint)
            insert.add(shared.prompt)
            insert.add(shared.negativePrompt)
            insert.add(guidanceTexts[Int(cell.guidance)])
            insert.add(shared.seed)
            insert.add(shared.steps)
            insert.add(shared.sampler)
            insert.add(shared.width)
            insert.add(shared.height)
            insert.add(shared.options)
            insert.add(firstShard + Int64(place.shard))
            insert.add(place.rank)
            insert.add(cell.firstPosition)
            try insert.endRow()
            ids[index] = next
            next += 1
        }
        return ids
    }

    private mutating func compactCells() throws -> [Compact] {
        var cells: [Compact] = []
        cells.reserveCapacity(plan.cells.count)
        var last: Cell?
        for (index, planned) in plan.cells.enumerated() {
            let cell = planned.cell
            // Comparing long texts a million times takes longer than all the rest.
            let mayDiffer = index.isMultiple(of: plan.cells.runLength)
            if mayDiffer, last.map({ !cell.differsInGuidanceAlone(from: $0) }) ?? true {
                let fingerprint = try phrase(cell.fingerprint)
                let wanted = RequirementKey(
                    fingerprint: fingerprint, options: StoredOptions.text(of: cell.options), width: cell.width,
                    height: cell.height)
                shared.append(
                    Shared(
                        requirement: try requirement(wanted, shownAt: planned.firstPosition), fingerprint: fingerprint,
                        prompt: try phrase(cell.prompt), negativePrompt: try phrase(cell.negativePrompt),
                        seed: texts.keep("\(cell.seed)"), sampler: texts.keep(cell.sampler.rawValue),
                        steps: cell.steps, width: cell.width, height: cell.height,
                        options: texts.keep(wanted.options)))
                last = cell
            }
            cells.append(
                Compact(
                    shared: Int32(shared.count - 1), guidance: number(of: cell.guidance),
                    firstPosition: Int32(planned.firstPosition)))
        }
        return cells
    }

    private mutating func requirement(_ wanted: RequirementKey, shownAt index: Int) throws -> Int64 {
        if let known = requirements[wanted] { return known }
        let position = plan.positions[index]
        let row = try db.row(
            """
            INSERT INTO requirement (fingerprint, options, width, height, model, files)
            VALUES (:fingerprint, :options, :width, :height, :model, :files)
            ON CONFLICT DO UPDATE SET model = :model, files = :files RETURNING id
            """,
            [
                "fingerprint": wanted.fingerprint, "options": wanted.options,
                "width": wanted.width, "height": wanted.height, "model": try phrase(position.model),
                "files": try StoredOptions.text(ofFiles: position.files),
            ])
        let id: Int64 = row?["id"] ?? Self.unknown
        requirements[wanted] = id
        return id
    }

    private mutating func writePositions(cells ids: [Int64]) throws {
        guard !plan.positions.isEmpty else { return }
        var insert = try BulkInsert(
            db,
            into: """
                position (id, cell, model, prompt, negative_prompt, style, guidance, seed, steps, sampler, width,
                    height, files)
                """, columns: 13, count: plan.positions.count)
        var finder = check.finder
        var common = PositionTexts()
        for position in plan.positions {
            guard let cell = finder.index(of: position.cell) else {
                preconditionFailure("the check has found every position's cell")
            }
            // Comparing long texts a million times takes longer than all the rest.
            if position.index.isMultiple(of: plan.positions.runLength), !common.are(of: position) {
                common = try PositionTexts(position, in: texts) { try phrase($0) }
            }
            insert.add(position.index)
            insert.add(ids[cell])
            for phrase in common.phrases { insert.add(phrase) }
            insert.add(guidanceTexts[Int(number(of: position.guidance))])
            insert.add(common.seed)
            insert.add(position.steps)
            insert.add(common.sampler)
            insert.add(position.width)
            insert.add(position.height)
            insert.add(common.files)
            try insert.endRow()
        }
    }

    /// Writing a decimal out takes longer than looking it up, and a sweep has few.
    private mutating func number(of guidance: Decimal) -> Int32 {
        if let number = guidances[guidance] { return number }
        let number = Int32(guidanceTexts.count)
        guidances[guidance] = number
        guidanceTexts.append(texts.keep(guidance.description))
        return number
    }

    private mutating func phrase(_ text: String) throws -> Int64 {
        let bytes = Array(text.utf8)
        if let id = phrases[bytes] { return id }
        try db.run("INSERT INTO phrase (text) VALUES (?) ON CONFLICT DO NOTHING", [text])
        let id = Int64(try db.count("SELECT id FROM phrase WHERE text = ?", [text]))
        phrases[bytes] = id
        return id
    }
}

/// The texts of a position as they are written, kept for the positions after it that have the same.
private struct PositionTexts {
    private let position: Position?
    /// Rows of the model, the prompt, the negative prompt and the style.
    let phrases: [Int64]
    let seed: KeptText
    let sampler: KeptText
    let files: KeptText

    init() {
        position = nil
        phrases = []
        (seed, sampler, files) = (KeptText(), KeptText(), KeptText())
    }

    init(_ position: Position, in pool: TextPool, phrase: (String) throws -> Int64) throws {
        self.position = position
        phrases = try [position.model, position.prompt, position.negativePrompt, position.style].map(phrase)
        seed = pool.keep("\(position.seed)")
        sampler = pool.keep(position.sampler.rawValue)
        files = pool.keep(try StoredOptions.text(ofFiles: position.files))
    }

    func are(of other: Position) -> Bool {
        guard let position else { return false }
        return position.seed == other.seed && position.sampler == other.sampler && position.files == other.files
            && position.sharesTexts(with: other)
    }
}
