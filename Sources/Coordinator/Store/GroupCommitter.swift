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
        /// Runs the work in a savepoint; the result answers the caller, with the error of the commit if it failed.
        let run: @Sendable (Database) -> Answer
        /// Answers a caller whose work was never run.
        let abandon: @Sendable (any Error) -> Void
    }

    private typealias Answer = @Sendable ((any Error)?) -> Void

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
                        let outcome = Result { try Self.savepoint(db, work) }
                        return { commitError in
                            continuation.resume(with: commitError.map { .failure($0) } ?? outcome)
                        }
                    },
                    abandon: { continuation.resume(throwing: $0) }))
        }
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
            try db.inTransaction(.immediate) {
                for job in group {
                    answers.append(job.run(db))
                    // A full disk or a failed read makes SQLite roll back everything on its own.
                    guard db.isInsideTransaction else {
                        throw CoordinatorError.store("it was rolled back, is the disk full?")
                    }
                }
                return .commit
            }
            for answer in answers { answer(nil) }
        } catch {
            for answer in answers { answer(error) }
            for job in group.dropFirst(answers.count) { job.abandon(error) }
        }
    }

    private static func savepoint<Value>(_ db: Database, _ work: (Database) throws -> Value) throws -> Value {
        var value: Value?
        try db.inSavepoint {
            value = try work(db)
            return .commit
        }
        guard let value else { throw CoordinatorError.store("a savepoint was skipped") }
        return value
    }
}
