import GRDB
import Synchronization

/// Runs what waits for the database in one transaction and then answers all of it.
///
/// One sync of the disk so serves many results. Nothing that was handed over is lost when the task that waits for it
/// is cancelled: the work runs on the database's own queue and its continuation is answered once the commit is durable.
final class GroupCommitter: Sendable {
    /// Longest group: more would keep the first of it waiting without saving much.
    private static let longestGroup = 256

    /// A piece of work that is run in a transaction, and answered when that has ended.
    private struct Job: Sendable {
        /// Runs the work; the result answers the caller, with the error of the commit if it failed.
        let run: @Sendable (Database) -> Done
        /// Answers a caller whose work was never run.
        let abandon: @Sendable (any Error) -> Void
    }

    private typealias Answer = @Sendable ((any Error)?) -> Void

    private struct Done {
        /// Whether the work threw, so that what it wrote must be undone.
        let hasFailed: Bool
        let answer: Answer
    }

    private struct State {
        var waiting: [Job] = []
        var isDraining = false
    }

    private let database: DatabaseQueue
    private let state = Mutex(State())

    init(database: DatabaseQueue) {
        self.database = database
    }

    /// Runs `work` in a transaction that it may share with others, and returns when that is durable.
    ///
    /// - Throws: What `work` throws, after undoing it and nothing else; the commit's error otherwise.
    func perform<Value: Sendable>(_ work: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            enqueue(
                Job(
                    run: { db in
                        let outcome = Result { try work(db) }
                        return Done(hasFailed: (try? outcome.get()) == nil) { commitError in
                            let result = commitError.map { .failure($0) } ?? outcome
                            continuation.resume(with: result.mapError(self.inWords))
                        }
                    },
                    abandon: { continuation.resume(throwing: self.inWords($0)) }))
        }
    }

    /// What the database says, as it is told to people: this is where its errors leave it.
    private func inWords(_ error: any Error) -> any Error {
        (error as? DatabaseError).map { SweepStore.explain($0, path: database.path) } ?? error
    }

    /// Runs `work` in a transaction of its own in which constraints are not looked at, and returns when it is durable.
    ///
    /// For rows by the million that refer to each other by construction: looking all of them up takes as long as writing.
    ///
    /// - Parameters:
    ///   - isFirst: Whether the tables are empty: then there is next to nothing for a rollback journal, while a log would have
    ///     every page written twice, and read once more after a crash.
    ///   - work: What to do.
    /// - Returns: What `work` returns.
    /// - Throws: What `work` throws, after undoing it; the commit's error otherwise.
    func performInBulk<Value: Sendable>(
        isFirst: Bool, _ work: @escaping @Sendable (Database) throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            database.asyncWriteWithoutTransaction { db in
                let outcome = Result {
                    // Inside a transaction they would do nothing.
                    try db.execute(sql: "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON")
                    // EXTRA: the journal must not come back after a power cut. Whoever reads now keeps the log in its place.
                    if isFirst {
                        // All is appended, so that pages need not be kept; to build the index takes memory of its own.
                        try? db.execute(
                            sql: """
                                PRAGMA cache_size = -16384; PRAGMA synchronous = EXTRA; PRAGMA journal_mode = DELETE
                                """)
                    }
                    var value: Value?
                    try db.inTransaction(.immediate) {
                        value = try work(db)
                        return .commit
                    }
                    return value
                }
                let restored = Result { try Self.endBulk(db, isFirst: isFirst) }
                continuation.resume(
                    with: Result {
                        let value = try outcome.get()
                        try restored.get()
                        guard let value else { throw CoordinatorError.store("a transaction was skipped") }
                        return value
                    }.mapError(self.inWords))
            }
        }
    }

    private static func endBulk(_ db: Database, isFirst: Bool) throws {
        try db.execute(sql: "PRAGMA ignore_check_constraints = OFF; PRAGMA foreign_keys = ON")
        guard try String.fetchOne(db, sql: "PRAGMA journal_mode = WAL") == "wal" else {
            throw CoordinatorError.store("its write-ahead log can't be turned on")
        }
        try db.execute(sql: "PRAGMA synchronous = FULL; PRAGMA cache_size = -49152")
        // A log of so many pages would be read again after a crash.
        if !isFirst { _ = try? db.checkpoint(.truncate) }
    }

    private func enqueue(_ job: Job) {
        let mustStart = state.withLock { state in
            state.waiting.append(job)
            defer { state.isDraining = true }
            return !state.isDraining
        }
        guard mustStart else { return }
        database.asyncWriteWithoutTransaction { db in
            while let group = self.nextGroup() { Self.commit(group, to: db) }
        }
    }

    private func nextGroup() -> [Job]? {
        state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.isDraining = false
                return nil
            }
            let group = Array(state.waiting.prefix(Self.longestGroup))
            state.waiting.removeFirst(group.count)
            return group
        }
    }

    private static func commit(_ group: [Job], to db: Database) {
        var answers: [Answer] = []
        do {
            try db.run("BEGIN IMMEDIATE")
            let isAlone = group.count == 1
            for job in group {
                // A transaction of one job is undone with it.
                if !isAlone { try db.run("SAVEPOINT job") }
                let done = job.run(db)
                answers.append(done.answer)
                // A full disk or a failed read makes SQLite roll back everything on its own.
                guard db.isInsideTransaction else {
                    throw CoordinatorError.store("it was rolled back, is the disk full?")
                }
                if done.hasFailed { try db.run(isAlone ? "ROLLBACK" : "ROLLBACK TO job") }
                if !isAlone { try db.run("RELEASE job") }
            }
            if db.isInsideTransaction { try db.run("COMMIT") }
            for answer in answers { answer(nil) }
        } catch {
            // A transaction that can't be ended keeps the next from beginning, which then says so.
            if db.isInsideTransaction { _ = try? db.run("ROLLBACK") }
            for answer in answers { answer(error) }
            for job in group.dropFirst(answers.count) { job.abandon(error) }
        }
    }
}
