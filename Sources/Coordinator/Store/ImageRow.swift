import Foundation
import GRDB
import Glibc
import SharedModel

/// What the database says of an image that it holds to be stored.
struct ImageRow: Equatable, Sendable {
    var cell: CellKey
    var sha256: String
    var bytes: Int
    /// In pixels, as the cell has it.
    var width: Int
    var height: Int
    /// Name of the worker that delivered it.
    var worker: String
}

extension SweepReader {
    /// Rows that are looked at between two transactions, so that a coordinator that runs can tidy up its log.
    private static let rowsAtOnce = 1000

    /// Hands the row of every image to `body`, in the order of the cells.
    func forEachImage(_ body: (ImageRow) throws -> Void) throws {
        var last: Int64 = 0
        while true {
            let rows = try database.read { db in
                try db.rows(
                    """
                    SELECT cell.id, cell.key, cell.width, cell.height, image.sha256, image.bytes, worker.name
                    FROM image JOIN cell ON cell.id = image.cell JOIN attempt ON attempt.id = image.attempt
                    JOIN worker ON worker.id = attempt.worker
                    WHERE image.cell > ? ORDER BY image.cell LIMIT \(Self.rowsAtOnce)
                    """, [last])
            }
            for row in rows {
                last = row["id"]
                guard let cell = CellKey(hex: row["key"]) else {
                    throw CoordinatorError.store("cell \(last) has a key that no plan wrote")
                }
                try body(
                    ImageRow(
                        cell: cell, sha256: row["sha256"], bytes: row["bytes"], width: row["width"],
                        height: row["height"], worker: row["name"]))
            }
            guard rows.count == Self.rowsAtOnce else { return }
        }
    }

    /// What is wrong with the database itself; a clause each.
    ///
    /// A connection that may not write leaves out what the schema demands of rows, so that another one looks: it may,
    /// and does not. As it is not the last to close, it does not tidy up the log either. Where the file itself is
    /// write-protected, a copy in memory is looked at.
    func problems() throws -> [String] {
        let path = directory.database.path
        do {
            guard access(path, W_OK) == 0 else {
                let copy = try DatabaseQueue()
                try database.backup(to: copy)
                return try copy.read { db in try Invariants.everyProblem(db) }
            }
            return try SweepStore.observe(path: path) { db in try Invariants.everyProblem(db) }
        } catch let error as DatabaseError {
            throw SweepStore.explain(error, path: path)
        } catch is RowDecodingError {
            throw SweepStore.unreadable(path)
        }
    }
}

extension SweepStore {
    /// Takes back that a cell is done: its image is gone, and it waits to be rendered again.
    ///
    /// Nothing happens unless the image of the cell still has this hash.
    func forgetImage(of cell: CellKey, sha256: String, because problem: String) async throws {
        let timestamp = timestamp
        try await committer.perform { db in
            let row = try db.row(
                """
                SELECT cell.id, attempt.worker, worker.name,
                    coalesce(timing.encode + timing.denoise + timing.decode + timing.png, 0) AS seconds
                FROM cell JOIN image ON image.cell = cell.id JOIN attempt ON attempt.id = image.attempt
                JOIN worker ON worker.id = attempt.worker LEFT JOIN timing ON timing.cell = cell.id
                WHERE cell.key = ? AND image.sha256 = ?
                """, [cell.hex, sha256])
            guard let row else { return }
            try db.run("DELETE FROM image WHERE cell = ?", [row["id"] as Int64])
            try db.run("UPDATE cell SET state = 'pending' WHERE id = ?", [row["id"] as Int64])
            try db.run(
                "UPDATE worker SET done = max(0, done - 1), seconds = max(0, seconds - ?) WHERE id = ?",
                [row["seconds"] as Double, row["worker"] as Int64])
            try Self.note(
                db, at: timestamp, "damaged", worker: row["name"], cell: cell.hex,
                "The image of a cell \(problem); the cell is rendered again")
        }
    }
}
