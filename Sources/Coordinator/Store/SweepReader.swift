package import Foundation
import GRDB
package import SharedModel

/// Looks at a sweep without changing it, also while a coordinator serves it.
///
/// Every method blocks while it reads; keep it off the cooperative pool where that matters.
package struct SweepReader: Sendable {
    let database: DatabaseQueue
    let directory: SweepDirectory

    private static let rowQuery = """
        SELECT grid.*, verdict.tags, verdict.note, measure.contrast, measure.sharpness, measure.highlights,
            measure.shadows, measure.saturation, reading.letters, reading.text
        FROM grid JOIN position AS place ON place.id = grid.position
        LEFT JOIN verdict ON verdict.cell = place.cell
        LEFT JOIN measure ON measure.cell = place.cell
        LEFT JOIN reading ON reading.cell = place.cell
        """

    /// - Throws: ``CoordinatorError`` when the directory holds no sweep, or one of another version.
    package init(_ directory: SweepDirectory) throws {
        let path = directory.database.path
        guard directory.holdsSweep else {
            throw CoordinatorError.noSweep(directory: directory.url.path)
        }
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(10)
        do {
            database = try DatabaseQueue(path: directory.readableDatabase, configuration: configuration)
            self.directory = directory
            try database.read { db in
                if try Schema.migrator.hasBeenSuperseded(db) { throw CoordinatorError.newerDatabase(path: path) }
                guard try Schema.migrator.hasCompletedMigrations(db) else {
                    throw CoordinatorError.olderDatabase(path: path)
                }
                guard try db.count("SELECT count(*) FROM sweep") == 1 else {
                    throw CoordinatorError.noSweep(directory: directory.url.path)
                }
            }
        } catch let error as DatabaseError {
            throw SweepStore.explain(error, path: path)
        } catch is RowDecodingError {
            throw SweepStore.unreadable(path)
        }
    }

    /// How the sweep stands.
    package func status(now: Date = Date()) throws -> SweepStatus {
        let isServed = try DirectoryLock.isHeld(in: directory)
        return try database.read { db in try StatusQuery.status(db, now: now, isServed: isServed) }
    }

    /// The sweep's name and its file as adopted last, byte for byte.
    package func sweep() throws -> (name: String, source: String) {
        try database.read { db in
            guard let row = try db.row("SELECT name, source FROM sweep") else {
                throw CoordinatorError.noSweep(directory: directory.url.path)
            }
            return (row["name"], row["source"])
        }
    }

    /// How many workers each join token has let in, by the SHA-256 of its secret.
    func admissions() throws -> [String: Int] {
        try database.read { db in
            let rows = try db.rows("SELECT token, count(*) AS joined FROM admission GROUP BY token")
            return Dictionary(rows.map { ($0["token"], $0["joined"]) }) { first, _ in first }
        }
    }

    /// Hands every position to `body`, in grid order, from one consistent look at the database.
    package func forEachRow(_ body: (GridRow) throws -> Void) throws {
        try database.read { db in
            let rows = try Row.fetchCursor(db, sql: Self.rowQuery + " ORDER BY grid.position")
            while let row = try rows.next() { try body(try Self.gridRow(row)) }
        }
    }

    /// One position; `nil` when the grid has none of that number.
    package func row(_ position: Int) throws -> GridRow? {
        try database.read { db in
            try db.row(Self.rowQuery + " WHERE grid.position = ?", [position]).map(Self.gridRow)
        }
    }

    /// Every position, in grid order.
    package func rows() throws -> [GridRow] {
        var all: [GridRow] = []
        try forEachRow { all.append($0) }
        return all
    }

    private static func gridRow(_ row: Row) throws -> GridRow {
        guard let guidance = Decimal(string: row["exact_guidance"]), let seed = UInt64(row["seed"] as String),
            let sampler = SamplerName(rawValue: row["sampler"]), let cell = CellKey(hex: row["cell"]),
            let options = StoredOptions.options(row["options"]), let files = StoredOptions.files(row["files"])
        else {
            throw CoordinatorError.store("position \(row["position"] as Int) holds values that no plan wrote")
        }
        let timings: GridRow.Timing? =
            (row["total"] as Double?).map { total in
                GridRow.Timing(
                    encode: row["encode"], denoise: row["denoise"], decode: row["decode"], png: row["png"],
                    upload: row["upload"], total: total)
            }
        return GridRow(
            position: row["position"], model: row["model"], prompt: row["prompt"],
            negativePrompt: row["negative_prompt"], style: row["style"], guidance: guidance, seed: seed,
            steps: row["steps"], sampler: sampler, width: row["width"], height: row["height"],
            options: options.named(files), cell: cell,
            state: row["state"], reason: row["reason"], image: row["image"], sha256: row["sha256"],
            worker: row["worker"], attempts: row["attempts"], verdict: row["verdict"],
            tags: FlawTag.list(row["tags"] ?? ""), note: row["note"], measures: ImageMeasures(row),
            reading: BoardReading(row), timings: timings)
    }
}
