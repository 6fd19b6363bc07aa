import GRDB

/// Inserts rows by the million, many with one statement, because each statement has its price.
struct BulkInsert {
    /// Rows of a statement; 200 were no faster than 50.
    private static let most = 64

    private let db: Database
    private let head: String
    private let columns: Int
    private var statement: BulkStatement
    /// Rows of `statement`, and those of them that have their values.
    private var rows: Int
    private var filled = 0
    /// Rows to come, those of `statement` included.
    private var left: Int

    /// - Parameters:
    ///   - db: Where to.
    ///   - table: The table with the columns to set, as `INSERT INTO` wants it.
    ///   - columns: How many columns those are.
    ///   - count: How many rows will come, at least one.
    /// - Throws: What SQLite has against the statement.
    init(_ db: Database, into table: String, columns: Int, count: Int) throws {
        self.db = db
        self.columns = columns
        head = "INSERT INTO \(table) VALUES "
        left = count
        rows = min(count, Self.most)
        statement = try Self.statement(db, head, columns: columns, rows: rows)
    }

    /// Sets the next column.
    mutating func add(_ number: some BinaryInteger) {
        statement.add(number)
    }

    /// Sets the next column to a text in UTF-8.
    mutating func add(_ text: [UInt8]) {
        statement.add(text)
    }

    /// Sets the next column to a text that stays where it is.
    mutating func add(_ text: KeptText) {
        statement.add(text)
    }

    /// The row has all its columns.
    mutating func endRow() throws {
        filled += 1
        guard filled == rows else { return }
        try statement.run()
        filled = 0
        left -= rows
        guard left > 0, left < rows else { return }
        rows = left
        statement = try Self.statement(db, head, columns: columns, rows: rows)
    }

    private static func statement(_ db: Database, _ head: String, columns: Int, rows: Int) throws -> BulkStatement {
        let row = "(" + Array(repeating: "?", count: columns).joined(separator: ",") + ")"
        return try BulkStatement(db, head + Array(repeating: row, count: rows).joined(separator: ","))
    }
}
