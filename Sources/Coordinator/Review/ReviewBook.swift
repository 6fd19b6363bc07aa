import Foundation
import GRDB
package import SharedModel

/// Writes down what people and programs make of the images; each method is one durable transaction.
package struct ReviewBook: Sendable {
    private let store: SweepStore

    init(store: SweepStore) {
        self.store = store
    }

    /// Takes an opinion; a later one of the same auditor on the same cell takes its place.
    ///
    /// - Throws: ``CoordinatorError/review(_:)`` when the cell has no image, or the name or the note is too long or empty.
    package func record(_ opinion: Opinion) async throws {
        let auditor = opinion.auditor
        guard Self.isName(auditor) else {
            throw CoordinatorError.review(
                "An auditor's name has 1 to \(Opinion.longestAuditor) characters on one line; choose another name.")
        }
        // SQLite counts scalars.
        guard opinion.note.unicodeScalars.count <= Opinion.longestNote else {
            throw CoordinatorError.review("The note is too long; it can have \(Opinion.longestNote) characters.")
        }
        let timestamp = store.timestamp
        try await store.committer.perform { db in
            let count = try db.run(
                """
                INSERT INTO opinion (cell, auditor, verdict, tags, note, given_at)
                SELECT cell.id, ?, ?, ?, ?, ? FROM cell JOIN image ON image.cell = cell.id WHERE cell.key = ?
                """,
                [
                    auditor, opinion.verdict.rawValue, FlawTag.text(opinion.tags), opinion.note, timestamp,
                    opinion.cell.hex,
                ])
            guard count == 1 else {
                throw CoordinatorError.review("No image of cell \(opinion.cell.hex) is there yet; reload the page.")
            }
        }
    }

    /// Takes back the last thing that an auditor said, whatever it replaced counts again.
    ///
    /// - Returns: The cell that it was about; `nil` when there is nothing to take back.
    package func undo(auditor: String) async throws -> CellKey? {
        try await store.committer.perform { db in
            let row = try db.row(
                """
                DELETE FROM opinion WHERE id = (SELECT max(id) FROM opinion WHERE auditor = ?)
                RETURNING (SELECT key FROM cell WHERE cell.id = opinion.cell) AS key
                """, [auditor])
            return row.flatMap { CellKey(hex: $0["key"]) }
        }
    }

    /// Keeps measures of images; a second time they replace the first.
    package func record(_ measures: [(cell: CellKey, measures: ImageMeasures)]) async throws {
        try await store.committer.perform { db in
            for (cell, measures) in measures {
                try db.run(
                    """
                    INSERT OR REPLACE INTO measure (cell, contrast, sharpness, highlights, shadows, saturation)
                    SELECT image.cell, ?, ?, ?, ?, ? FROM image JOIN cell ON cell.id = image.cell WHERE cell.key = ?
                    """,
                    [
                        measures.contrast, measures.sharpness, measures.highlights, measures.shadows,
                        measures.saturation, cell.hex,
                    ])
            }
        }
    }

    /// Keeps what could be read of an image; a second time it replaces the first.
    package func record(_ reading: BoardReading, of cell: CellKey) async throws {
        try await store.committer.perform { db in
            _ = try db.run(
                """
                INSERT OR REPLACE INTO reading (cell, letters, text)
                SELECT image.cell, ?, ? FROM image JOIN cell ON cell.id = image.cell WHERE cell.key = ?
                """, [reading.letters, reading.text, cell.hex])
        }
    }

    private static func isName(_ text: String) -> Bool {
        (1...Opinion.longestAuditor).contains(text.unicodeScalars.count)
            && text.unicodeScalars.allSatisfy { !$0.properties.generalCategory.isControl }
    }
}

extension Unicode.GeneralCategory {
    fileprivate var isControl: Bool {
        switch self {
        case .control, .lineSeparator, .paragraphSeparator, .surrogate: true
        default: false
        }
    }
}
