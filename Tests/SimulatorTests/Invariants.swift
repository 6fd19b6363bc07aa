/// What must hold in any database of a sweep at any time.
enum Invariants {
    private static let rules = [
        "leased cells without a live attempt":
            """
        SELECT c.id FROM cell c LEFT JOIN attempt a ON a.id = c.attempt
        WHERE c.state = 'leased' AND a.state IS NOT 'live'
        """,
        "leased cells that their attempt was not granted":
            """
        SELECT c.id FROM cell c WHERE c.attempt IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM attempt_cell g WHERE g.cell = c.id AND g.attempt = c.attempt)
        """,
        "live attempts that hold no cell":
            """
        SELECT id FROM attempt a WHERE state = 'live' AND copy_of IS NULL
        AND NOT EXISTS (SELECT 1 FROM cell WHERE attempt = a.id)
        """,
        "live copies without an undone cell":
            """
        SELECT id FROM attempt a WHERE state = 'live' AND copy_of IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM attempt_cell g JOIN cell ON cell.id = g.cell
            WHERE g.attempt = a.id AND cell.state IN ('pending', 'leased'))
        """,
        "done cells without an image":
            "SELECT id FROM cell WHERE state = 'done' AND id NOT IN (SELECT cell FROM image)",
        "images of cells that are not done":
            "SELECT cell FROM image JOIN cell ON cell.id = image.cell WHERE cell.state <> 'done'",
        "images of cells that their attempt was not granted":
            """
        SELECT i.cell FROM image i
        WHERE NOT EXISTS (SELECT 1 FROM attempt_cell g WHERE g.cell = i.cell AND g.attempt = i.attempt)
        """,
        "images without timings": "SELECT cell FROM image WHERE cell NOT IN (SELECT cell FROM timing)",
        "workers' counts": "SELECT 1 WHERE (SELECT sum(done) FROM worker) <> (SELECT count(*) FROM image)",
        "foreign keys": "PRAGMA foreign_key_check",
    ]

    /// The names of the rules that the database breaks.
    static func violations(in coordinator: CoordinatorSide) throws -> [String] {
        var broken = try rules.sorted { $0.key < $1.key }.filter { try !coordinator.query($0.value).isEmpty }.map(\.key)
        if try coordinator.query("PRAGMA integrity_check") != ["ok"] { broken.append("the database is damaged") }
        return broken
    }
}
