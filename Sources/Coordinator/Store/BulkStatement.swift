import GRDB
import GRDBSQLite

/// A statement that is run a million times over: its arguments go to SQLite as they are.
///
/// GRDB's own arguments are collected in arrays of boxed values, which costs several times what SQLite does with a row.
struct BulkStatement {
    /// `SQLITE_TRANSIENT`, which the import leaves out: SQLite copies the text.
    private static let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

    private let statement: Statement
    private let texts = TextArena()
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
        if let kept = texts.keep(text) {
            sqlite3_bind_text(statement.sqliteStatement, next, kept, Int32(text.count), nil)
        } else {
            text.withUnsafeBytes { bytes in
                let characters = bytes.bindMemory(to: CChar.self).baseAddress
                // A count beyond 2^31 is beyond SQLite's own limit, which refuses the row.
                let count = Int32(clamping: text.count)
                sqlite3_bind_text(statement.sqliteStatement, next, characters, count, Self.transient)
            }
        }
        next += 1
    }

    /// Runs the statement with the arguments that were set since it ran last.
    mutating func run() throws {
        next = 1
        let code = sqlite3_step(statement.sqliteStatement)
        defer {
            sqlite3_reset(statement.sqliteStatement)
            sqlite3_clear_bindings(statement.sqliteStatement)
            texts.empty()
        }
        guard code == SQLITE_DONE else {
            let message = String(cString: sqlite3_errmsg(sqlite3_db_handle(statement.sqliteStatement)))
            throw DatabaseError(resultCode: ResultCode(rawValue: code), message: message, sql: statement.sql)
        }
    }
}

/// Where the short texts of a statement stand until it has run, so that SQLite need not allocate a copy of each.
private final class TextArena {
    private let memory = UnsafeMutableBufferPointer<CChar>.allocate(capacity: 64 * 1024)
    private var used = 0

    deinit {
        memory.deallocate()
    }

    /// - Returns: The text's copy, which stays where it is until ``empty()``; `nil` when there is no room.
    func keep(_ text: [UInt8]) -> UnsafePointer<CChar>? {
        guard text.count <= memory.count - used, let start = memory.baseAddress.map({ $0 + used }) else { return nil }
        for (index, byte) in text.enumerated() { start[index] = CChar(bitPattern: byte) }
        used += text.count
        return UnsafePointer(start)
    }

    func empty() {
        used = 0
    }
}
