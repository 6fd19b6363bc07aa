import GRDB
import GRDBSQLite

/// The few forms in which the store talks to SQLite; every statement is prepared once and kept.
extension Database {
    /// Runs a statement for its effect.
    ///
    /// - Returns: The number of rows that it changed.
    @discardableResult
    func run(_ sql: String, _ arguments: StatementArguments = []) throws -> Int {
        try cachedStatement(sql: sql).execute(arguments: arguments)
        return changesCount
    }

    /// The first row of a query or of a `RETURNING` clause, the statement run to its end.
    func row(_ sql: String, _ arguments: StatementArguments = []) throws -> Row? {
        try Row.fetchAll(cachedStatement(sql: sql), arguments: arguments).first
    }

    /// All rows of a query or of a `RETURNING` clause.
    func rows(_ sql: String, _ arguments: StatementArguments = []) throws -> [Row] {
        try Row.fetchAll(cachedStatement(sql: sql), arguments: arguments)
    }

    /// Hands the rows of a query to `body`, each for the time of the call alone, until it returns `false`.
    func forEachRow(
        _ sql: String, _ arguments: StatementArguments = [], _ body: (Row) throws -> Bool
    ) throws {
        let rows = try Row.fetchCursor(cachedStatement(sql: sql), arguments: arguments)
        while let row = try rows.next(), try body(row) {}
    }

    /// Hands the rows of two numbers to `body` until it returns `false`: a million of them, so SQLite is asked itself.
    func forEachPair(_ sql: String, _ body: (Int64, Int64) -> Bool) throws {
        let statement = try makeStatement(sql: sql)
        let handle = statement.sqliteStatement
        defer { sqlite3_reset(handle) }
        var code = sqlite3_step(handle)
        while code == SQLITE_ROW, body(sqlite3_column_int64(handle, 0), sqlite3_column_int64(handle, 1)) {
            code = sqlite3_step(handle)
        }
        guard code == SQLITE_ROW || code == SQLITE_DONE else {
            throw DatabaseError(resultCode: ResultCode(rawValue: code), message: lastErrorMessage, sql: sql)
        }
    }

    /// The only number of a query that always has one.
    func count(_ sql: String, _ arguments: StatementArguments = []) throws -> Int {
        try Int.fetchOne(cachedStatement(sql: sql), arguments: arguments) ?? 0
    }
}
