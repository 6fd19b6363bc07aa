import Foundation
import GRDB
import SharedModel

/// The cells of a grant, with everything that it says of them.
extension SweepStore {
    typealias ChosenCell = (id: Int64, model: String, cell: GrantedCell)

    /// The columns of ``everything``, in its order: finding them by their names took a good part of a claim.
    private enum Column: Int {
        case id, key, guidance, seed, steps, sampler, width, height, options, position, crashes, deaths
        case fingerprint, prompt, negativePrompt, model, rawPrompt, rawNegativePrompt, style, files
    }

    private static let everything = """
        SELECT cell.id, cell.key, cell.guidance, cell.seed, cell.steps, cell.sampler, cell.width, cell.height,
            cell.options, cell.position, cell.crashes, cell.deaths,
            fingerprint.text, prompt.text, negative.text, model.text, raw.text, raw_negative.text, style.text,
            position.files
        FROM cell
        JOIN phrase AS fingerprint ON fingerprint.id = cell.fingerprint
        JOIN phrase AS prompt ON prompt.id = cell.prompt
        JOIN phrase AS negative ON negative.id = cell.negative_prompt
        JOIN position ON position.id = cell.position
        JOIN phrase AS model ON model.id = position.model
        JOIN phrase AS raw ON raw.id = position.prompt
        JOIN phrase AS raw_negative ON raw_negative.id = position.negative_prompt
        JOIN phrase AS style ON style.id = position.style
        """

    /// Takes cells for as long as they fit in one frame, and into the piece that each of them may be granted in.
    ///
    /// - Parameters:
    ///   - db: Where from.
    ///   - condition: Which cells in which order, in SQL.
    ///   - arguments: Of the condition.
    ///   - piece: The most cells of a grant that holds a cell with so many crashes and deaths.
    /// - Returns: The cells in that order, at least one if there is any.
    /// - Throws: What the database says, and ``CoordinatorError`` for a cell with values that no plan wrote.
    static func choose(
        _ db: Database, _ condition: String, _ arguments: StatementArguments,
        piece: (_ crashes: Int, _ deaths: Int) -> Int
    ) throws -> [ChosenCell] {
        var chosen: [ChosenCell] = []
        var bytes = 0
        try db.forEachRow("\(everything) \(condition)", arguments) { row in
            let id: Int64 = row[Column.id.rawValue]
            guard let granted = grantedCell(row) else {
                throw CoordinatorError.store("cell \(id) holds values that no plan wrote")
            }
            bytes += granted.wireBytes
            let most = piece(row[Column.crashes.rawValue], row[Column.deaths.rawValue])
            guard chosen.isEmpty || (bytes <= GrantSize.limit && chosen.count < most) else { return false }
            chosen.append((id, row[Column.model.rawValue], granted))
            return true
        }
        return chosen
    }

    private static func grantedCell(_ row: Row) -> GrantedCell? {
        func number(_ column: Column) -> Int { row[column.rawValue] }
        func text(_ column: Column) -> String { row[column.rawValue] }
        guard let key = CellKey(hex: text(.key)), let guidance = Decimal(string: text(.guidance)),
            let seed = UInt64(text(.seed)), let sampler = SamplerName(rawValue: text(.sampler)),
            let options = StoredOptions.options(text(.options)), let files = StoredOptions.files(text(.files))
        else { return nil }
        let cell = Cell(
            fingerprint: text(.fingerprint), guidance: guidance, height: number(.height),
            negativePrompt: text(.negativePrompt), options: options, prompt: text(.prompt), sampler: sampler,
            seed: seed, steps: number(.steps), width: number(.width))
        return GrantedCell(
            key: key, cell: cell, position: number(.position), rawPrompt: text(.rawPrompt),
            rawNegativePrompt: text(.rawNegativePrompt), style: text(.style), files: files)
    }
}
