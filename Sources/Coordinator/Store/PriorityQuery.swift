import Foundation
import GRDB

/// Finds the shards that a ``PriorityRequest`` is about.
struct PriorityQuery {
    /// Most values of an axis that a refusal lists.
    private static let valuesShown = 12

    private let db: Database
    private let isReset: Bool
    /// What a position has to fulfil, in SQL.
    private let condition: String
    private let arguments: StatementArguments

    /// - Throws: ``CoordinatorError/noSuchValue(axis:value:known:)`` and ``CoordinatorError/noSuchSubject(_:)`` for what no
    ///   position has.
    init(_ request: PriorityRequest, _ db: Database) throws {
        self.db = db
        isReset = request.isReset
        var terms: [String] = []
        var lists: [String] = []
        for axis in GridAxis.allCases {
            let values = request.selection.conditions.filter { $0.axis == axis }.map(\.value)
            guard let first = values.first else { continue }
            guard let column = axis.column else {
                throw CoordinatorError.noSuchValue(axis: axis.rawValue, value: first, known: [])
            }
            terms.append("\(column.sql) IN (SELECT value FROM json_each(?))")
            lists.append(
                try column.isPhrase
                    ? Self.json(Self.phrases(values, axis, column.sql, db))
                    : Self.json(Self.checked(values, axis, column.sql, db)))
        }
        let positions = request.selection.positions
        if !positions.isEmpty {
            terms.append("position.id IN (SELECT value FROM json_each(?))")
            lists.append(try Self.json(positions))
            let unknown = try db.row(
                "SELECT value FROM json_each(?) WHERE value NOT IN (SELECT id FROM position) LIMIT 1",
                [Self.json(positions)])
            if let unknown: Int = unknown?["value"] { throw CoordinatorError.noSuchSubject("\(unknown)") }
        }
        condition = terms.isEmpty ? "TRUE" : terms.joined(separator: " AND ")
        arguments = StatementArguments(lists)
    }

    /// The shards with their numbers as a JSON list, and how many images that makes.
    ///
    /// - Throws: ``CoordinatorError/noMatch`` when no position fits.
    func find() throws -> (answer: PriorityAnswer, shards: String) {
        let isMeant =
            isReset ? "cell.shard IN (SELECT id FROM shard WHERE priority > 0)" : "cell.state IN ('pending', 'leased')"
        let found = try db.row(
            """
            SELECT count(DISTINCT cell.id) AS cells, json_group_array(DISTINCT cell.shard) AS shards
            FROM position CROSS JOIN cell ON cell.id = position.cell
            WHERE \(condition) AND cell.shard IS NOT NULL AND \(isMeant)
            """, arguments)
        guard let found, found["cells"] as Int > 0 else {
            guard try db.row("SELECT 1 FROM position WHERE \(condition) LIMIT 1", arguments) != nil else {
                throw CoordinatorError.noMatch
            }
            return (PriorityAnswer(matching: 0, images: 0), "[]")
        }
        let shards: String = found["shards"]
        let images = try db.count(
            """
            SELECT (SELECT count(*) FROM json_each(?1) AS chosen CROSS JOIN cell ON cell.shard = chosen.value
                    WHERE state = 'pending' AND cell.shard IS NOT NULL)
                + (SELECT count(*) FROM cell
                    WHERE attempt IS NOT NULL AND cell.shard IN (SELECT value FROM json_each(?1)))
            """, [shards])
        return (PriorityAnswer(matching: found["cells"], images: images), shards)
    }

    /// The values, each of which some position has.
    private static func checked(
        _ values: [String], _ axis: GridAxis, _ column: String, _ db: Database
    ) throws -> [String] {
        let shown = Set(try found(json(values), column, db).map { $0["value"] as String })
        guard let missing = values.first(where: { !shown.contains($0) }) else { return values }
        let known = try db.rows("SELECT DISTINCT \(column) AS value FROM position LIMIT \(valuesShown + 1)")
        throw unknown(missing, axis, known)
    }

    /// The rows of the phrases; of those that hold one where people name parts and none is the whole.
    private static func phrases(
        _ values: [String], _ axis: GridAxis, _ column: String, _ db: Database
    ) throws -> [Int64] {
        // The whole and then the parts, of each value.
        let candidates: [[[Int64]]] = try values.map { value in
            let conditions = ["text = ?"] + (axis.isFoundByParts && !value.isEmpty ? ["instr(text, ?) > 0"] : [])
            return try conditions.map { condition in
                try db.rows("SELECT id FROM phrase WHERE \(condition)", [value]).map { $0["id"] as Int64 }
            }
        }
        let ids = try json(Array(candidates.joined().joined()))
        let shown = Set(try found(ids, column, db).map { $0["value"] as Int64 })
        return try zip(values, candidates).flatMap { value, candidates -> [Int64] in
            let fitting = candidates.lazy.map { $0.filter(shown.contains) }.first { !$0.isEmpty }
            if let fitting { return fitting }
            let known = try db.rows(
                """
                SELECT text AS value FROM phrase WHERE id IN (SELECT DISTINCT \(column) FROM position)
                ORDER BY id LIMIT \(valuesShown + 1)
                """)
            throw unknown(value, axis, known)
        }
    }

    /// Those of `values`, a JSON list, that some position has: one look at the positions, however many they are.
    private static func found(_ values: String, _ column: String, _ db: Database) throws -> [Row] {
        try db.rows(
            """
            SELECT DISTINCT \(column) AS value FROM position
            WHERE \(column) IN (SELECT value FROM json_each(?))
            """, [values])
    }

    private static func unknown(_ value: String, _ axis: GridAxis, _ known: [Row]) -> CoordinatorError {
        .noSuchValue(
            axis: axis.rawValue, value: value,
            known: known.count > valuesShown ? [] : known.map { $0["value"] as String })
    }

    private static func json(_ values: some Encodable) throws -> String {
        String(decoding: try JSONEncoder().encode(values), as: UTF8.self)
    }
}

extension GridAxis {
    /// What the table `position` has of the axis, and whether that is the row of a phrase; `nil` for an axis that is spread
    /// over many columns.
    fileprivate var column: (sql: String, isPhrase: Bool)? {
        switch self {
        case .model: ("position.model", true)
        case .prompt: ("position.prompt", true)
        case .negativePrompt: ("position.negative_prompt", true)
        case .style: ("position.style", true)
        case .guidance: ("position.guidance", false)
        case .seed: ("position.seed", false)
        case .steps: ("CAST(position.steps AS TEXT)", false)
        case .sampler: ("position.sampler", false)
        case .size: ("position.width || 'x' || position.height", false)
        case .options: nil
        }
    }

    /// Whether values are long texts, of which people name a part.
    fileprivate var isFoundByParts: Bool { self == .prompt || self == .negativePrompt }
}
