import GRDB
import SharedModel

extension SweepReader {
    /// Why a cell or a worker is where it is, in sentences.
    ///
    /// - Parameter subject: A position's number, the beginning of a cell's key (8 digits or more), or a worker's name.
    /// - Returns: The sentences, the most important first.
    /// - Throws: ``CoordinatorError/noSuchSubject(_:)`` when the sweep has no such thing.
    package func explain(_ subject: String) throws -> [String] {
        let isServed = try DirectoryLock.isHeld(in: directory)
        return try database.read { db in
            let explainer = Explainer(db: db, isServed: isServed)
            if let worker = try db.row("SELECT * FROM worker WHERE name = ?", [subject]) {
                return try explainer.explain(worker: worker)
            }
            guard let cell = try explainer.cell(subject) else { throw CoordinatorError.noSuchSubject(subject) }
            return try explainer.explain(cell: cell)
        }
    }
}

/// Puts into words what the tables say about one thing.
private struct Explainer {
    let db: Database
    let isServed: Bool

    private static let attemptsShown = 10

    func cell(_ subject: String) throws -> Row? {
        if let position = Int64(subject),
            let row = try db.row(
                "SELECT cell.* FROM cell JOIN position ON position.cell = cell.id WHERE position.id = ?", [position])
        {
            return row
        }
        let isKey = subject.count >= CellKey.fewestDigits && subject.allSatisfy { $0.isASCII && $0.isHexDigit }
        guard isKey else { return nil }
        let key = subject.lowercased()
        // The letter after the last digit ends the range of the keys that begin like this.
        return try db.row("SELECT * FROM cell WHERE key >= ? AND key < ? LIMIT 1", [key, key + "g"])
    }

    // MARK: - Cells

    func explain(cell: Row) throws -> [String] {
        let id: Int64 = cell["id"]
        let shard: Int64? = cell["shard"]
        let place = shard.map { "in shard \($0)" } ?? "no longer shown by the sweep"
        var lines = ["Cell \(cell["key"] as String), first at position \(cell["position"] as Int), \(place)."]
        switch cell["state"] as String {
        case "done": lines.append(try done(id))
        case "failed": lines.append("It failed: \(cell["reason"] as String) `tmdne retry` tries it again.")
        case "leased": lines.append(try leased(cell["attempt"]))
        default: lines += try pending(cell, id: id)
        }
        let priority = try shard.map { try self.priority(of: $0) } ?? 0
        if priority > 0, ["leased", "pending"].contains(cell["state"] as String) {
            lines.append("It is prioritised: its priority is \(priority), and 0 is the usual one.")
        }
        return lines + (try history(of: cell, id: id))
    }

    private func done(_ id: Int64) throws -> String {
        let row = try db.row(
            """
            SELECT worker.name, image.stored_at, image.late FROM image
            JOIN attempt ON attempt.id = image.attempt JOIN worker ON worker.id = attempt.worker WHERE cell = ?
            """, [id])
        guard let row else { return "It is done." }
        let late = row["late"] as Bool ? ", after its lease had ended" : ""
        return "It is done: \(row["name"] as String) delivered it at \(row["stored_at"] as String)\(late)."
    }

    private func leased(_ attempt: Int64?) throws -> String {
        let row = try db.row(
            """
            SELECT worker.name, worker.connected, attempt.granted_at,
                (SELECT name FROM attempt AS copy JOIN worker ON worker.id = copy.worker
                    WHERE copy.copy_of = attempt.id AND copy.state = 'live') AS copier
            FROM attempt JOIN worker ON worker.id = attempt.worker WHERE attempt.id = ?
            """, [attempt])
        guard let row else { return "It is leased." }
        let name: String = row["name"]
        let isThere = isServed && row["connected"] as Bool
        let whereabouts = isThere ? "" : ", which is away: unless it comes back soon, the cell goes to another worker"
        let copier = (row["copier"] as String?).map { " \($0) renders a copy; the first image wins." } ?? ""
        return "\(name) has it since \(row["granted_at"] as String)\(whereabouts).\(copier)"
    }

    private func pending(_ cell: Row, id: Int64) throws -> [String] {
        guard let shard = cell["shard"] as Int64? else {
            return ["It is not to be rendered, for the sweep was edited."]
        }
        var lines: [String] = []
        if let hindrance = try hindrance(of: cell) { lines.append(hindrance) }
        let before = try cellsBefore(cell, in: shard)
        lines.append(
            before == 0 ? "It is pending, the first in line." : "It is pending; \(before) cells come before it.")
        if cell["crashes"] as Int > 0 {
            lines.append("A worker ended while rendering it, so it is granted after all others, and alone.")
        } else if cell["deaths"] as Int > 1 {
            lines.append(
                "\(cell["deaths"] as Int) workers ended while they held it, so it is granted after all others, with few."
            )
        }
        return lines
    }

    private func priority(of shard: Int64) throws -> Int {
        try db.count("SELECT priority FROM shard WHERE id = ?", [shard])
    }

    /// How many pending cells come before one: those of a higher priority, and those that stand before it in the plan.
    private func cellsBefore(_ cell: Row, in shard: Int64) throws -> Int {
        let rank: Int = cell["rank"]
        let priority = try self.priority(of: shard)
        let prioritised = try db.count(
            """
            SELECT count(*) FROM shard CROSS JOIN cell ON cell.shard = shard.id
            WHERE shard.priority > 0 AND state = 'pending' AND cell.shard IS NOT NULL AND (
                shard.priority > :priority AND (:priority > 0 OR shard.id > :shard)
                OR shard.priority = :priority AND (shard.id < :shard OR shard.id = :shard AND rank < :rank))
            """, ["priority": priority, "shard": shard, "rank": rank])
        guard priority == 0 else { return prioritised }
        // Whatever stands before it in the plan does so with any priority.
        let earlier = try db.count(
            """
            SELECT count(*) FROM cell WHERE state = 'pending' AND shard IS NOT NULL
                AND (shard < :shard OR shard = :shard AND rank < :rank)
            """, ["shard": shard, "rank": rank])
        return prioritised + earlier
    }

    /// What keeps every pending cell, or this one, from being granted.
    private func hindrance(of cell: Row) throws -> String? {
        guard isServed else { return "No coordinator serves the sweep; `tmdne resume` goes on." }
        if let sweep = try db.row("SELECT state, message FROM sweep"), sweep["state"] != "running" {
            return "Nothing is granted, for the sweep is \(sweep["state"] as String)."
                + ((sweep["message"] as String?).map { " \($0)" } ?? "")
        }
        let workers = try db.rows(
            """
            SELECT name, note, (
                SELECT reason FROM unfit JOIN shard USING (requirement)
                WHERE unfit.worker = worker.id AND shard.id = ?) AS reason
            FROM worker WHERE connected = 1 ORDER BY id
            """, [cell["shard"] as Int64?])
        guard !workers.isEmpty else {
            let nearest = try db.row(
                """
                SELECT name, reason FROM unfit JOIN shard USING (requirement) JOIN worker ON worker.id = unfit.worker
                WHERE shard.id = ? ORDER BY shortage LIMIT 1
                """, [cell["shard"] as Int64?])
            let others = nearest.map { " \($0["name"] as String) could not have it. \($0["reason"] as String)" }
            return "No worker is connected." + (others ?? "")
        }
        let hindered = workers.filter { $0["note"] as String? != nil || $0["reason"] as String? != nil }
        guard hindered.count == workers.count else { return nil }
        let reasons = hindered.map { row in
            "\(row["name"] as String): \(row["reason"] as String? ?? row["note"] as String? ?? "")"
        }
        return "No connected worker can have it. " + reasons.joined(separator: " ")
    }

    private func history(of cell: Row, id: Int64) throws -> [String] {
        let failures = try db.rows(
            "SELECT worker.name, times FROM failure JOIN worker ON worker.id = failure.worker WHERE cell = ?", [id])
        let attempts = try db.rows(
            """
            SELECT worker.name, attempt.state, attempt.reason, attempt.granted_at, attempt.copy_of
            FROM attempt JOIN attempt_cell ON attempt_cell.attempt = attempt.id
            JOIN worker ON worker.id = attempt.worker
            WHERE attempt_cell.cell = ? ORDER BY attempt.id DESC LIMIT \(Self.attemptsShown)
            """, [id])
        return failures.map { "\($0["name"] as String) failed it, times: \($0["times"] as Int)." }
            + attempts.map { row in
                let reason = (row["reason"] as String?).map { ": \($0)" } ?? ""
                let kind = row["copy_of"] as Int64? == nil ? "Granted" : "Copied"
                return "\(kind) to \(row["name"] as String) at \(row["granted_at"] as String), "
                    + "\(row["state"] as String)\(reason)."
            }
    }

    // MARK: - Workers

    func explain(worker: Row) throws -> [String] {
        let id: Int64 = worker["id"]
        let isThere = isServed && worker["connected"] as Bool
        var lines = [
            "Worker \(worker["name"] as String), \(worker["device"] as String), \(worker["program"] as String)."
        ]
        lines.append(
            isThere
                ? "It is connected." : "It is not connected; it was last seen at \(worker["last_seen_at"] as String).")
        let done: Int = worker["done"]
        if done > 0 {
            let mean = (worker["seconds"] as Double / Double(done) * 100).rounded() / 100
            lines.append("It delivered \(done) images, in \(mean) s each.")
        }
        if let note = worker["note"] as String? { lines.append("It is granted nothing. \(note)") }
        let unfit = try db.rows("SELECT DISTINCT reason FROM unfit WHERE worker = ?", [id])
        lines += unfit.map { "It is not granted every cell: \($0["reason"] as String)" }
        let leases = try db.rows(
            """
            SELECT shard, granted_at, copy_of, (
                SELECT count(*) FROM attempt_cell JOIN cell ON cell.id = attempt_cell.cell
                WHERE attempt_cell.attempt = attempt.id AND cell.state IN ('leased', 'pending')) AS undone
            FROM attempt WHERE worker = ? AND state = 'live' ORDER BY id
            """, [id])
        lines += leases.map { row in
            let kind = row["copy_of"] as Int64? == nil ? "holds" : "renders a copy of"
            return "It \(kind) \(row["undone"] as Int) undone cells of shard \(row["shard"] as Int), since "
                + "\(row["granted_at"] as String)."
        }
        if leases.isEmpty, isThere, lines.count < 4, let reason = try idleness() { lines.append(reason) }
        return lines
    }

    private func idleness() throws -> String? {
        if let sweep = try db.row("SELECT state, message FROM sweep"), sweep["state"] != "running" {
            return "It holds nothing, for the sweep is \(sweep["state"] as String)."
        }
        let pending = try db.row("SELECT 1 FROM cell WHERE state = 'pending' AND shard IS NOT NULL LIMIT 1") != nil
        return pending ? "It holds nothing now and has not asked for more." : "It holds nothing: no cell is pending."
    }
}
