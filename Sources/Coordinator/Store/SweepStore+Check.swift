import Dispatch
import GRDB
import Synchronization

/// What is looked at before a coordinator begins. Of a million cells each part takes most of a second.
extension SweepStore {
    /// What the schema demands of a cell's own values. SQLite's check takes more than twice as long for them as one query.
    static let cellRules = [
        "length(key) = 64",
        "state IN ('pending', 'leased', 'done', 'failed')",
        "attempts >= 0",
        "crashes >= 0",
        "deaths >= 0",
        "(state = 'leased') = (attempt IS NOT NULL)",
        "(state = 'failed') = (reason IS NOT NULL)",
    ]

    /// Looks at the pages, the values and, if asked, the rules that span tables, beside each other. Blocks.
    ///
    /// - Parameters:
    ///   - path: Of the file, which another connection has open.
    ///   - isCurrent: Whether the schema is this program's; an older one is looked at by SQLite alone.
    ///   - isSuspect: Whether to look also for what only a crash of the host or a foreign hand can have left.
    /// - Throws: ``CoordinatorError/damagedDatabase(path:problem:)``.
    static func check(path: String, isCurrent: Bool, isSuspect: Bool) throws {
        typealias Part = @Sendable (Database) throws -> String?
        var parts: [Part] = isCurrent ? [pageProblem, valueProblem] : [{ db in try quickCheck(db) }]
        if isSuspect { parts.append { db in try Invariants.violations(db).first } }
        let found = Mutex<[Int: Result<String?, any Error>]>([:])
        DispatchQueue.concurrentPerform(iterations: parts.count) { [parts] index in
            let problem = Result { try observe(path: path, parts[index]) }
            found.withLock { $0[index] = problem }
        }
        // Damaged pages explain whatever else is wrong.
        for (_, problem) in found.withLock(\.self).sorted(by: { $0.key < $1.key }) {
            if let problem = try problem.get() {
                throw CoordinatorError.damagedDatabase(path: path, problem: problem)
            }
        }
    }

    /// Reads by a connection that may write and does not: one that may not leaves out what the schema demands of rows.
    static func observe<Value>(path: String, _ body: (Database) throws -> Value) throws -> Value {
        var configuration = Configuration()
        configuration.busyMode = .timeout(10)
        configuration.prepareDatabase { db in
            try db.execute(sql: "PRAGMA query_only = ON; PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF")
        }
        let observer = try DatabaseQueue(path: path, configuration: configuration)
        defer { try? observer.close() }
        return try observer.read(body)
    }

    @Sendable private static func pageProblem(_ db: Database) throws -> String? {
        try db.execute(sql: "PRAGMA ignore_check_constraints = ON")
        return try quickCheck(db)
    }

    @Sendable private static func valueProblem(_ db: Database) throws -> String? {
        let rules = cellRules.map { "(\($0))" }.joined(separator: " AND ")
        if try db.row("SELECT id FROM cell WHERE NOT (\(rules)) LIMIT 1") != nil {
            return "CHECK constraint failed in cell"
        }
        let tables = try db.rows(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'cell' AND instr(upper(sql), 'CHECK') > 0")
        for table in tables {
            if let problem = try quickCheck(db, table: "(\"\(table["name"] as String)\")") { return problem }
        }
        return nil
    }

    /// What SQLite finds first.
    private static func quickCheck(_ db: Database, table: String = "(1)") throws -> String? {
        let answer = try String.fetchOne(db, sql: "PRAGMA quick_check\(table)")
        return answer == "ok" ? nil : answer ?? "no answer"
    }
}
