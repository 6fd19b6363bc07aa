import Foundation
import GRDB

/// Everything that a coordinator remembers: `sweep.db`, with one connection that writes.
///
/// Each method is one transaction that keeps one invariant; its answer comes when the transaction is on the disk.
/// The connection does not lock the file against readers, so that `sqlite3` and `tmdne status` can look at a live sweep;
/// a second writer is kept out by ``DirectoryLock``.
final class SweepStore: Sendable {
    let committer: GroupCommitter
    private let path: String
    private let database: DatabaseQueue
    private let wallClock: @Sendable () -> Date

    /// Opens or creates the database and brings its schema up to date. Blocks; keep it off the cooperative pool.
    ///
    /// - Parameters:
    ///   - path: Of the file.
    ///   - isSuspect: Whether to look also for what only a crash of the host or a foreign hand can have left.
    ///   - wallClock: Tells what time goes into rows.
    /// - Throws: ``CoordinatorError`` for a file that is damaged, no database, or of a newer version.
    init(path: String, isSuspect: Bool = false, wallClock: @escaping @Sendable () -> Date = { Date() }) throws {
        self.wallClock = wallClock
        self.path = path
        do {
            database = try DatabaseQueue(path: path, configuration: Self.configuration)
            committer = GroupCommitter(database: database)
            let isCurrent = try database.write { db in
                if try Schema.migrator.hasBeenSuperseded(db) { throw CoordinatorError.newerDatabase(path: path) }
                return try Schema.migrator.hasCompletedMigrations(db)
            }
            try Self.check(path: path, isCurrent: isCurrent, isSuspect: isSuspect && isCurrent)
            try Schema.migrator.migrate(database)
            if isSuspect, !isCurrent { try verify() }
        } catch let error as DatabaseError {
            throw Self.explain(error, path: path)
        } catch is RowDecodingError {
            throw Self.unreadable(path)
        }
    }

    /// Looks for what only a crash of the host or a foreign hand can have left. Blocks.
    ///
    /// - Throws: ``CoordinatorError/damagedDatabase(path:problem:)``.
    func verify() throws {
        do {
            let problems = try database.read { db in try Invariants.violations(db) }
            guard let problem = problems.first else { return }
            throw CoordinatorError.damagedDatabase(path: path, problem: problem)
        } catch let error as DatabaseError {
            throw Self.explain(error, path: path)
        }
    }

    /// Ends the connection after what is queued, so that no `-wal` file stays behind.
    func close() async {
        // Closing fails only while a statement runs, and then the next start recovers the -wal file.
        try? await committer.perform { _ in }
        // Closing alone empties the -wal file only for the last connection, and pages may hold one that reads.
        _ = try? await database.writeWithoutTransaction { db in try db.checkpoint(.truncate) }
        try? database.close()
    }

    /// Wall time as it goes into rows.
    var timestamp: String {
        Timestamp.text(wallClock())
    }

    var now: Date {
        wallClock()
    }

    /// What an error of this store, or of the disk around it, means for people.
    func explain(_ error: any Error) -> String {
        "\((error as? DatabaseError).map { Self.explain($0, path: path) } ?? error)"
    }

    /// Of a database whose pages SQLite takes, but not with the values that belong there.
    static func unreadable(_ path: String) -> CoordinatorError {
        .damagedDatabase(path: path, problem: "it holds rows that can't be read")
    }

    static func explain(_ error: DatabaseError, path: String) -> CoordinatorError {
        switch error.resultCode {
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            .damagedDatabase(path: path, problem: error.message ?? "it is no database")
        case .SQLITE_FULL:
            .file(path: path, action: "Writing", problem: "no space left", isDiskFull: true)
        case .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_READONLY:
            .file(path: path, action: "Opening", problem: error.message ?? "unknown", isDiskFull: false)
        case .SQLITE_IOERR:
            .file(path: path, action: "Reading or writing", problem: error.message ?? "unknown", isDiskFull: false)
        default:
            .store(error.message ?? "SQLite error \(error.resultCode.rawValue)")
        }
    }

    private static var configuration: Configuration {
        var configuration = Configuration()
        configuration.label = "sweep.db"
        configuration.busyMode = .timeout(10)
        configuration.prepareDatabase { db in
            // FULL, because an acknowledged image must survive a power cut: NORMAL syncs the log at checkpoints alone.
            try db.execute(
                sql: """
                    PRAGMA journal_mode = WAL;
                    PRAGMA synchronous = FULL;
                    PRAGMA temp_store = MEMORY;
                    PRAGMA trusted_schema = OFF;
                    PRAGMA cell_size_check = ON;
                    PRAGMA cache_size = -49152;
                    """)
        }
        return configuration
    }
}
