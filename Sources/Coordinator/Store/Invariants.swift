import GRDB

/// What holds in every `sweep.db` between two transactions, as queries that find the rows where it does not.
///
/// The schema's own constraints are not repeated here; these span tables. A database in which one of them fails was not
/// written by tmdne alone, or its file system lost writes that it had promised to keep.
enum Invariants {
    /// A rule in words that complete "there are …", and what finds a violation.
    struct Rule: Sendable {
        let violation: String
        let isBroken: @Sendable (Database) throws -> Bool
    }

    static let rules = [
        Rule(
            violation: "leased cells without a live attempt that was granted them",
            sql: """
                SELECT id FROM cell WHERE attempt IS NOT NULL AND NOT EXISTS (
                    SELECT 1 FROM attempt JOIN attempt_cell ON attempt_cell.attempt = attempt.id
                    WHERE attempt.id = cell.attempt AND attempt.state = 'live' AND attempt_cell.cell = cell.id)
                """),
        Rule(
            // A speculative copy holds none: its original does.
            violation: "live attempts without a cell",
            sql: """
                SELECT id FROM attempt WHERE state = 'live' AND copy_of IS NULL
                    AND NOT EXISTS (SELECT 1 FROM cell WHERE cell.attempt = attempt.id)
                """),
        Rule(
            violation: "done cells without an image",
            sql: """
                SELECT id FROM cell WHERE state = 'done' AND NOT EXISTS (SELECT 1 FROM image WHERE image.cell = cell.id)
                """),
        Rule(
            violation: "images of cells that are not done",
            sql: "SELECT image.cell FROM image JOIN cell ON cell.id = image.cell WHERE cell.state <> 'done'"),
        Rule(
            violation: "images of cells that their attempt was not granted",
            sql: """
                SELECT cell FROM image WHERE NOT EXISTS (
                    SELECT 1 FROM attempt_cell WHERE attempt_cell.attempt = image.attempt AND attempt_cell.cell = image.cell)
                """),
        Rule(
            violation: "failures of cells that are done",
            // The few failures first, whatever the planner thinks.
            sql: "SELECT failure.cell FROM failure CROSS JOIN cell ON cell.id = failure.cell WHERE cell.state = 'done'"),
        Rule(violation: "cells that the grid does not show where they say", isBroken: holdsMisplaced),
        Rule(
            violation: "positions or cells that the sweep does not count",
            sql: """
                SELECT id FROM sweep WHERE positions <> (SELECT count(*) FROM position)
                    OR cells <> (SELECT count(*) FROM cell WHERE shard IS NOT NULL)
                """),
        Rule(
            violation: "images that no worker is credited with",
            sql: "SELECT 1 WHERE (SELECT coalesce(sum(done), 0) FROM worker) <> (SELECT count(*) FROM image)"),
    ]

    /// Whether a cell of the grid is not at the position that it names.
    ///
    /// Two scans, in the order of the tables: looking the positions up one by one takes four times as long.
    @Sendable private static func holdsMisplaced(_ db: Database) throws -> Bool {
        let count = try db.count("SELECT count(*) FROM position")
        // A plan's positions are 0, 1, 2 and so on.
        var shown = [Int64?](repeating: nil, count: count)
        var isMisplaced = false
        try db.forEachPair("SELECT id, cell FROM position") { position, cell in
            guard let index = Int(exactly: position), shown.indices.contains(index) else { return false }
            shown[index] = cell
            return true
        }
        try db.forEachPair("SELECT id, position FROM cell WHERE shard IS NOT NULL") { cell, position in
            let index = Int(exactly: position).flatMap { shown.indices.contains($0) ? $0 : nil }
            isMisplaced = index.flatMap { shown[$0] } != cell
            return !isMisplaced
        }
        return isMisplaced
    }

    /// Looks for violations, one of each rule at most.
    ///
    /// - Returns: A clause for each rule that does not hold.
    static func violations(_ db: Database) throws -> [String] {
        try rules.compactMap { rule in
            try rule.isBroken(db) ? "there are \(rule.violation)" : nil
        }
    }

    /// Everything that can be said about a database by itself: its pages, its indexes, its references and the rules.
    static func everyProblem(_ db: Database) throws -> [String] {
        let pages = try String.fetchAll(db, sql: "PRAGMA integrity_check(10)").filter { $0 != "ok" }
        // What damaged pages hold says nothing.
        guard pages.isEmpty else { return pages }
        let references = try db.rows("PRAGMA foreign_key_check").prefix(10).map { row in
            "a row of \(row["table"] as String) refers to one of \(row["parent"] as String) that is not there"
        }
        return try references + violations(db)
    }
}

extension Invariants.Rule {
    /// A rule that is broken when a query has any row.
    init(violation: String, sql: String) {
        self.init(violation: violation) { db in try db.row("\(sql) LIMIT 1") != nil }
    }
}
