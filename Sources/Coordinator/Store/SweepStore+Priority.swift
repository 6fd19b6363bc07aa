import GRDB

/// What somebody wants first.
extension SweepStore {
    /// Has the cells granted first that a request means, with those of their shards; or gives them their usual place again.
    ///
    /// - Returns: How many images that makes.
    /// - Throws: ``CoordinatorError`` for what the sweep does not have; ``CoordinatorError/isRefusal`` tells it from what
    ///   the database says.
    func prioritise(_ request: PriorityRequest) async throws -> PriorityAnswer {
        let timestamp = timestamp
        return try await committer.perform { db in
            let (answer, shards) = try PriorityQuery(request, db).find()
            let changed = try db.run(
                """
                UPDATE shard SET priority = :priority
                WHERE id IN (SELECT value FROM json_each(:shards)) AND priority <> :priority
                """, ["priority": request.priority, "shards": shards])
            if changed > 0 {
                try Self.note(
                    db, at: timestamp, "prioritised", "\(answer.images) cells have priority \(request.priority) now")
            }
            return answer
        }
    }

    /// Carries out the requests that wait in a directory, in the order in which they were made; each stays there until the
    /// database knows of it.
    ///
    /// - Returns: A sentence for each that can't be carried out.
    /// - Throws: What the database says.
    func carryOutPriorities(of directory: SweepDirectory) async throws -> [String] {
        var refusals: [String] = []
        for waiting in directory.waitingPriorities() {
            do {
                if let request = waiting.request {
                    _ = try await prioritise(request)
                } else {
                    refusals.append("\(waiting.path) does not hold what tmdne writes there.")
                }
            } catch let error as CoordinatorError where error.isRefusal {
                refusals.append("\(error)")
            }
            waiting.remove()
        }
        return refusals
    }
}

extension SweepReader {
    /// What would come of a request now.
    ///
    /// - Throws: ``CoordinatorError`` for what the sweep does not have.
    func prospect(of request: PriorityRequest) throws -> PriorityAnswer {
        try database.read { db in try PriorityQuery(request, db).find().answer }
    }
}
