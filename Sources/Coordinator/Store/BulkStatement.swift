import GRDB
import GRDBSQLite

/// A statement that is run a million times over: its arguments go to SQLite as they are.
///
/// GRDB's own arguments are collected in arrays of boxed values, which costs several times what SQLite does with a row.
struct BulkStatement {
    /// `SQLITE_TRANSIENT`, which the import leaves out: SQLite copies the text.
    private static let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

    private let statement: Statement
    private var next: Int32 = 1

    init(_ db: Database, _ sql: String) throws {
        statement = try db.makeStatement(sql: sql)
    }

    /// Sets the next argument.
    mutating func add(_ number: some BinaryInteger) {
        sqlite3_bind_int64(statement.sqliteStatement, next, Int64(number))
        next += 1
    }

    /// Sets the next argument to a text in UTF-8.
    mutating func add(_ text: [UInt8]) {
        // A count beyond 2^31 is refused by SQLite's own limit, and then the row by its constraints.
        let count = Int32(clamping: text.count)
        text.withUnsafeBytes { bytes in
            let characters = bytes.bindMemory(to: CChar.self).baseAddress
            if let characters, count > 0 {
                sqlite3_bind_text(statement.sqliteStatement, next, characters, count, Self.transient)
            } else {
                // An empty array may have no address, which SQLite takes for NULL.
                sqlite3_bind_text(statement.sqliteStatement, next, "", 0, Self.transient)
            }
        }
        next += 1
    }

    /// Runs the statement with the arguments that were set since it ran last.
    mutating func run() throws {
        next = 1
        let code = sqlite3_step(statement.sqliteStatement)
        defer { sqlite3_reset(statement.sqliteStatement) }
        guard code == SQLITE_DONE else {
            let message = String(cString: sqlite3_errmsg(sqlite3_db_handle(statement.sqliteStatement)))
            throw DatabaseError(resultCode: ResultCode(rawValue: code), message: message, sql: statement.sql)
        }
    }
}
