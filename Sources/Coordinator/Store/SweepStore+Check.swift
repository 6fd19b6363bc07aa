import Foundation
import GRDB
import Synchronization

/// What is looked at before a database is used.
extension SweepStore {
    /// One look, on a connection of its own.
    private enum Look {
        /// At all pages, but not at what the schema demands of rows.
        case pages
        /// At what the schema demands of tables' rows.
        case rows([String])
        /// At the rules that span tables.
        case rules

        /// What is wrong; `nil` for nothing.
        func problem(_ db: Database) throws -> String? {
            switch self {
            case .pages:
                try db.execute(sql: "PRAGMA ignore_check_constraints = ON")
                return try answer(db, "PRAGMA quick_check(1)")
            case .rows(let tables):
                for table in tables {
                    let problem = try answer(db, "PRAGMA quick_check(\(table.quotedDatabaseIdentifier))")
                    if problem != nil { return problem }
                }
                return nil
            case .rules:
                return try Invariants.violations(db).first
            }
        }

        private func answer(_ db: Database, _ sql: String) throws -> String? {
            let answer = try String.fetchOne(db, sql: sql)
            return answer == "ok" ? nil : answer ?? "no answer"
        }
    }

    /// Looks at pages and rows and, if something may have been lost, at the rules that span tables. Beside each other: of a million
    /// cells what the schema demands takes as long as all else.
    static func check(_ database: DatabaseQueue, path: String, isSuspect: Bool) throws {
        let tables = try database.read { db in
            try String.fetchAll(
                db, sql: "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_'")
        }
        // The longest first.
        let (cells, others) = (tables.filter { $0 == "cell" }, tables.filter { $0 != "cell" })
        let looks: [Look] = [.rows(cells), .pages, .rows(others)] + (isSuspect ? [.rules] : [])
        // They write nothing, but a connection that could not would leave out what the schema demands.
        var configuration = Configuration()
        configuration.busyMode = .timeout(10)
        configuration.prepareDatabase { db in
            try db.execute(sql: "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON")
        }
        let found = Mutex<[(look: Look, problem: Result<String?, any Error>)]>([])
        DispatchQueue.concurrentPerform(iterations: looks.count) { [configuration] index in
            let problem = Result {
                try DatabaseQueue(path: path, configuration: configuration).read { db in try looks[index].problem(db) }
            }
            found.withLock { $0.append((looks[index], problem)) }
        }
        // Damaged pages explain whatever else is wrong.
        let sorted = found.withLock(\.self).sorted { one, _ in if case .pages = one.look { true } else { false } }
        for (_, problem) in sorted {
            if let problem = try problem.get() {
                throw CoordinatorError.damagedDatabase(path: path, problem: problem)
            }
        }
    }
}
