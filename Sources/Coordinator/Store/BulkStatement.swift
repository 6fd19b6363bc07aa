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

    /// Sets the next argument to a text that stays where it is until the statement has run.
    mutating func add(_ text: KeptText) {
        sqlite3_bind_text(statement.sqliteStatement, next, text.start, text.count, nil)
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

/// Texts in UTF-8 that many rows have: SQLite reads them where they are, for as long as the pool lives.
final class TextPool {
    private static let chunkBytes = 64 * 1024

    private var chunks: [UnsafeMutableRawBufferPointer] = []
    /// What is left of the last chunk.
    private var free = UnsafeMutableRawBufferPointer(start: nil, count: 0)[...]

    deinit {
        for chunk in chunks { chunk.deallocate() }
    }

    func keep(_ text: String) -> KeptText {
        let bytes = Array(text.utf8)
        guard let count = Int32(exactly: bytes.count), count > 0 else { return KeptText() }
        if bytes.count > free.count {
            let chunk = UnsafeMutableRawBufferPointer.allocate(
                byteCount: max(Self.chunkBytes, bytes.count), alignment: 1)
            chunks.append(chunk)
            free = chunk[...]
        }
        let copy = UnsafeMutableRawBufferPointer(rebasing: free.prefix(bytes.count))
        free = free.dropFirst(bytes.count)
        copy.copyBytes(from: bytes)
        return KeptText(start: copy.assumingMemoryBound(to: CChar.self).baseAddress, count: count)
    }
}

/// A text of a ``TextPool``; without one it is empty.
struct KeptText {
    fileprivate let start: UnsafePointer<CChar>?
    fileprivate let count: Int32

    init() {
        let nothing: StaticString = ""
        start = UnsafeRawPointer(nothing.utf8Start).assumingMemoryBound(to: CChar.self)
        count = 0
    }

    fileprivate init(start: UnsafeMutablePointer<CChar>?, count: Int32) {
        self.start = start.map { UnsafePointer($0) }
        self.count = count
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
        text.withUnsafeBytes { UnsafeMutableRawBufferPointer(start: start, count: text.count).copyMemory(from: $0) }
        used += text.count
        return UnsafePointer(start)
    }

    func empty() {
        used = 0
    }
}
