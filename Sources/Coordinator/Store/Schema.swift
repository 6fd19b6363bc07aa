import GRDB

/// The tables of `sweep.db` and how they came about.
///
/// People query this file with `sqlite3`, so the names are for them too: `grid` shows every position with everything
/// known about it. Migrations are only ever added.
enum Schema {
    static let migrator: DatabaseMigrator = {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("v1") { db in
            for statement in version1 { try db.execute(sql: statement) }
        }
        migrator.registerMigration("v2") { db in try db.execute(sql: version2) }
        migrator.registerMigration("options") { db in
            for statement in options { try db.execute(sql: statement) }
        }
        migrator.registerMigration("tokens") { db in try db.execute(sql: tokens) }
        migrator.registerMigration("large images") { db in try allowLargeImages(db) }
        migrator.registerMigration("leasing") { db in try db.execute(sql: leasing) }
        migrator.registerMigration("opinions and measures") { db in try db.execute(sql: opinionsAndMeasures) }
        migrator.registerMigration("readings") { db in try db.execute(sql: readings) }
        migrator.registerMigration("requirements") { db in try db.execute(sql: requirements) }
        migrator.registerMigration("previews") { db in
            for statement in previews { try db.execute(sql: statement) }
        }
        migrator.registerMigration("priority") { db in try db.execute(sql: priority) }
        migrator.registerMigration("failures") { db in try db.execute(sql: failures) }
        return migrator
    }()

    private static let version1 = [
        """
        -- The one sweep of this directory and what its coordinator does.
        CREATE TABLE sweep (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            name TEXT NOT NULL,
            source TEXT NOT NULL,           -- the sweep file, byte for byte
            plan TEXT NOT NULL,             -- SHA-256 of the plan: equal means nothing was edited
            state TEXT NOT NULL CHECK (state IN ('running', 'paused', 'draining', 'disk-full')),
            positions INTEGER NOT NULL,
            cells INTEGER NOT NULL,         -- distinct, in the grid
            message TEXT,                   -- a sentence for people when something needs them
            created_at TEXT NOT NULL,
            started_at TEXT NOT NULL        -- of the latest coordinator
        ) STRICT
        """,
        """
        -- Texts that many rows share.
        CREATE TABLE phrase (
            id INTEGER PRIMARY KEY,
            text TEXT NOT NULL UNIQUE
        ) STRICT
        """,
        """
        -- Runs of cells that differ in guidance alone, granted in the order of their ids.
        CREATE TABLE shard (
            id INTEGER PRIMARY KEY,
            cells INTEGER NOT NULL CHECK (cells > 0)
        ) STRICT
        """,
        """
        CREATE TABLE worker (
            id INTEGER PRIMARY KEY,
            identity TEXT NOT NULL UNIQUE CHECK (length(identity) = 32),
            name TEXT NOT NULL UNIQUE,
            device TEXT NOT NULL,
            program TEXT NOT NULL,
            connected INTEGER NOT NULL CHECK (connected IN (0, 1)),
            done INTEGER NOT NULL DEFAULT 0 CHECK (done >= 0),      -- images that it delivered
            seconds REAL NOT NULL DEFAULT 0 CHECK (seconds >= 0),   -- that it rendered for them
            first_seen_at TEXT NOT NULL,
            last_seen_at TEXT NOT NULL
        ) STRICT
        """,
        """
        -- Grants. The lease is the fencing token that every result must carry; an attempt that ended stays so.
        CREATE TABLE attempt (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            lease TEXT NOT NULL UNIQUE CHECK (length(lease) = 32),
            shard INTEGER NOT NULL REFERENCES shard (id),
            worker INTEGER NOT NULL REFERENCES worker (id),
            state TEXT NOT NULL CHECK (state IN ('live', 'finished', 'released', 'expired', 'revoked')),
            reason TEXT,
            granted_at TEXT NOT NULL,
            ended_at TEXT,
            CHECK ((state = 'live') = (ended_at IS NULL))
        ) STRICT
        """,
        "CREATE INDEX attempt_live ON attempt (worker) WHERE state = 'live'",
        """
        CREATE TRIGGER attempt_is_terminal BEFORE UPDATE OF state ON attempt WHEN OLD.state <> 'live'
        BEGIN SELECT RAISE(ABORT, 'an attempt that ended stays as it ended'); END
        """,
        """
        -- The distinct work. shard is NULL for what an edited sweep no longer shows.
        CREATE TABLE cell (
            id INTEGER PRIMARY KEY,
            key TEXT NOT NULL UNIQUE CHECK (length(key) = 64),
            fingerprint INTEGER NOT NULL REFERENCES phrase (id),
            prompt INTEGER NOT NULL REFERENCES phrase (id),
            negative_prompt INTEGER NOT NULL REFERENCES phrase (id),
            guidance TEXT NOT NULL,         -- an exact decimal
            seed TEXT NOT NULL,             -- up to 2^64 - 1, which no INTEGER holds
            steps INTEGER NOT NULL,
            sampler TEXT NOT NULL,
            width INTEGER NOT NULL,
            height INTEGER NOT NULL,
            shard INTEGER REFERENCES shard (id),
            rank INTEGER NOT NULL,          -- place in its shard
            position INTEGER NOT NULL,      -- the first that shows it
            state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'leased', 'done', 'failed')),
            attempt INTEGER REFERENCES attempt (id),
            attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),  -- that ended with or in this cell
            crashes INTEGER NOT NULL DEFAULT 0 CHECK (crashes >= 0),    -- 1: suspected; more: of workers that had it alone
            reason TEXT,
            CHECK ((state = 'leased') = (attempt IS NOT NULL)),
            CHECK ((state = 'failed') = (reason IS NOT NULL))
        ) STRICT
        """,
        "CREATE INDEX cell_pending ON cell (shard, rank) WHERE state = 'pending' AND shard IS NOT NULL",
        "CREATE INDEX cell_leased ON cell (attempt) WHERE attempt IS NOT NULL",
        "CREATE INDEX cell_failed ON cell (position) WHERE state = 'failed'",
        """
        -- What each attempt was granted: it can deliver these cells and no others, however late.
        CREATE TABLE attempt_cell (
            attempt INTEGER NOT NULL REFERENCES attempt (id),
            cell INTEGER NOT NULL REFERENCES cell (id),
            PRIMARY KEY (attempt, cell)
        ) STRICT, WITHOUT ROWID
        """,
        """
        -- The points of the grid, in grid order.
        CREATE TABLE position (
            id INTEGER PRIMARY KEY,
            cell INTEGER NOT NULL REFERENCES cell (id),
            model INTEGER NOT NULL REFERENCES phrase (id),
            prompt INTEGER NOT NULL REFERENCES phrase (id),
            negative_prompt INTEGER NOT NULL REFERENCES phrase (id),
            style INTEGER NOT NULL REFERENCES phrase (id),
            guidance TEXT NOT NULL,
            seed TEXT NOT NULL,
            steps INTEGER NOT NULL,
            sampler TEXT NOT NULL,
            width INTEGER NOT NULL,
            height INTEGER NOT NULL
        ) STRICT
        """,
        """
        -- One image a cell, for good: images/<first 2 digits>/<sha256>.png.
        CREATE TABLE image (
            cell INTEGER PRIMARY KEY REFERENCES cell (id),
            sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
            bytes INTEGER NOT NULL CHECK (bytes BETWEEN 1 AND 16777216),
            attempt INTEGER NOT NULL REFERENCES attempt (id),
            late INTEGER NOT NULL CHECK (late IN (0, 1)),   -- it came after its attempt had ended
            stored_at TEXT NOT NULL
        ) STRICT
        """,
        "CREATE INDEX image_stored ON image (stored_at)",
        """
        CREATE TRIGGER image_is_immutable BEFORE UPDATE ON image
        BEGIN SELECT RAISE(ABORT, 'a stored image never changes'); END
        """,
        """
        -- Where the time of an image went, in seconds.
        CREATE TABLE timing (
            cell INTEGER PRIMARY KEY REFERENCES image (cell) ON DELETE CASCADE,
            encode REAL NOT NULL,
            denoise REAL NOT NULL,
            decode REAL NOT NULL,
            png REAL NOT NULL,
            upload REAL NOT NULL,
            total REAL GENERATED ALWAYS AS (encode + denoise + decode + png + upload) VIRTUAL
        ) STRICT
        """,
        """
        -- What people made of an image.
        CREATE TABLE verdict (
            cell INTEGER PRIMARY KEY REFERENCES cell (id),
            verdict TEXT NOT NULL CHECK (length(verdict) BETWEEN 1 AND 64),
            note TEXT NOT NULL DEFAULT '',
            given_at TEXT NOT NULL
        ) STRICT
        """,
        """
        -- What happened, for people; the last 10,000.
        CREATE TABLE event (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            at TEXT NOT NULL,
            kind TEXT NOT NULL,
            worker TEXT,
            cell TEXT,
            text TEXT NOT NULL
        ) STRICT
        """,
        """
        CREATE TRIGGER event_is_bounded AFTER INSERT ON event
        BEGIN DELETE FROM event WHERE id <= NEW.id - 10000; END
        """,
        grid(),
    ]

    /// The view of both migrations, word for word as ever; one that changes more of it writes its own.
    private static func grid(with more: String = "") -> String {
        """
        CREATE VIEW grid AS
        SELECT position.id AS position, model.text AS model, prompt.text AS prompt,
            negative.text AS negative_prompt, style.text AS style, CAST(position.guidance AS REAL) AS guidance,
            position.seed, position.steps, position.sampler, position.width, position.height,
            cell.key AS cell, cell.state, cell.reason, cell.attempts,
            'images/' || substr(image.sha256, 1, 2) || '/' || image.sha256 || '.png' AS image, image.sha256,
            image.bytes, image.stored_at, worker.name AS worker, verdict.verdict,
            timing.encode, timing.denoise, timing.decode, timing.png, timing.upload, timing.total,
            position.guidance AS exact_guidance\(more)
        FROM position
        JOIN cell ON cell.id = position.cell
        JOIN phrase AS model ON model.id = position.model
        JOIN phrase AS prompt ON prompt.id = position.prompt
        JOIN phrase AS negative ON negative.id = position.negative_prompt
        JOIN phrase AS style ON style.id = position.style
        LEFT JOIN image ON image.cell = cell.id
        LEFT JOIN timing ON timing.cell = cell.id
        LEFT JOIN attempt ON attempt.id = image.attempt
        LEFT JOIN worker ON worker.id = attempt.worker
        LEFT JOIN verdict ON verdict.cell = cell.id
        """
    }

    private static let version2 = """
        -- Failures that workers reported of cells that are not done, since a person last retried them.
        CREATE TABLE failure (
            cell INTEGER NOT NULL REFERENCES cell (id),
            worker INTEGER NOT NULL REFERENCES worker (id),
            times INTEGER NOT NULL CHECK (times > 0),
            PRIMARY KEY (cell, worker)
        ) STRICT, WITHOUT ROWID
        """

    private static let options = [
        """
        -- What is set beyond the columns, as JSON without what is not set; files by their SHA-256.
        ALTER TABLE cell ADD COLUMN options TEXT NOT NULL DEFAULT '{}'
        """,
        """
        -- What the sweep file calls the LoRAs and the VAE of the cell's options: a JSON object, by SHA-256.
        ALTER TABLE position ADD COLUMN files TEXT NOT NULL DEFAULT '{}'
        """,
        "DROP VIEW grid",
        grid(with: ",\n    cell.options, position.files"),
    ]

    private static let previews = [
        """
        -- What the sweep file calls the decoder that shows images before they are finished; null for none.
        ALTER TABLE sweep ADD COLUMN preview TEXT
        """,
        """
        -- SHA-256 of that file.
        ALTER TABLE sweep ADD COLUMN preview_sha256 TEXT CHECK (length(preview_sha256) = 64)
        """,
    ]

    private static let tokens = """
        -- Which worker came in with which join token: a token counts its uses, and outlives its expiry for those it let in.
        CREATE TABLE admission (
            token TEXT NOT NULL CHECK (length(token) = 64),         -- SHA-256 of its secret
            identity TEXT NOT NULL CHECK (length(identity) = 32),   -- of the worker
            admitted_at TEXT NOT NULL,
            PRIMARY KEY (token, identity)
        ) STRICT, WITHOUT ROWID
        """

    /// The longest image follows from a cell's size now; the table that says otherwise is written again.
    private static func allowLargeImages(_ db: Database) throws {
        // Whatever depends on the table is put back word for word.
        let dependents = try String.fetchAll(
            db,
            sql: """
                SELECT sql FROM sqlite_master
                WHERE sql IS NOT NULL AND (type = 'view' OR (tbl_name = 'image' AND type IN ('index', 'trigger')))
                ORDER BY type = 'trigger'
                """)
        let views = try String.fetchAll(db, sql: "SELECT name FROM sqlite_master WHERE type = 'view'")
        for view in views { try db.execute(sql: "DROP VIEW \(view.quotedDatabaseIdentifier)") }
        try db.execute(
            sql: """
                -- One image a cell, for good: images/<first 2 digits>/<sha256>.png.
                CREATE TABLE new_image (
                    cell INTEGER PRIMARY KEY REFERENCES cell (id),
                    sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
                    bytes INTEGER NOT NULL CHECK (bytes > 0),
                    attempt INTEGER NOT NULL REFERENCES attempt (id),
                    late INTEGER NOT NULL CHECK (late IN (0, 1)),   -- it came after its attempt had ended
                    stored_at TEXT NOT NULL
                ) STRICT;
                INSERT INTO new_image SELECT cell, sha256, bytes, attempt, late, stored_at FROM image;
                DROP TABLE image;
                ALTER TABLE new_image RENAME TO image;
                """)
        for statement in dependents { try db.execute(sql: statement) }
    }

    private static let leasing = """
        -- Set on a speculative copy of another attempt's cells, which that one keeps holding; the first result wins.
        ALTER TABLE attempt ADD COLUMN copy_of INTEGER REFERENCES attempt (id);
        CREATE INDEX attempt_copy ON attempt (copy_of) WHERE state = 'live' AND copy_of IS NOT NULL;
        -- Attempts whose worker ended while they held this cell, whichever cell it was rendering.
        ALTER TABLE cell ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0 CHECK (deaths >= 0);
        -- Why the worker is granted nothing, for people.
        ALTER TABLE worker ADD COLUMN note TEXT;
        -- Models that a worker can't render, as it said itself since it last joined.
        CREATE TABLE inability (
            worker INTEGER NOT NULL REFERENCES worker (id),
            fingerprint INTEGER NOT NULL REFERENCES phrase (id),
            reason TEXT NOT NULL,
            PRIMARY KEY (worker, fingerprint)
        ) STRICT, WITHOUT ROWID;
        """

    private static let opinionsAndMeasures = """
        -- What each auditor said of an image, in the order of saying it: the latest counts, and undoing deletes it.
        CREATE TABLE opinion (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            cell INTEGER NOT NULL REFERENCES cell (id),
            auditor TEXT NOT NULL CHECK (length(auditor) BETWEEN 1 AND 64),
            verdict TEXT NOT NULL CHECK (verdict IN ('keep', 'reject')),
            tags TEXT NOT NULL DEFAULT '',  -- what is wrong, parted by commas
            note TEXT NOT NULL DEFAULT '' CHECK (length(note) <= 2000),
            given_at TEXT NOT NULL
        ) STRICT;
        CREATE INDEX opinion_latest ON opinion (cell, auditor, id);
        INSERT INTO opinion (cell, auditor, verdict, note, given_at)
            SELECT cell, 'unknown', verdict, substr(note, 1, 2000), given_at FROM verdict
            WHERE verdict IN ('keep', 'reject');
        DROP TABLE verdict;

        -- The latest opinion of each auditor on each cell.
        CREATE VIEW opinion_now AS
        SELECT * FROM opinion WHERE id IN (SELECT max(id) FROM opinion GROUP BY cell, auditor);

        -- What the auditors make of a cell together: one says keep and nobody says reject, or they differ.
        CREATE VIEW verdict AS
        SELECT cell,
            CASE WHEN sum(verdict = 'reject') = 0 THEN 'keep' WHEN sum(verdict = 'keep') = 0 THEN 'reject'
                ELSE 'disputed' END AS verdict,
            count(*) AS auditors, group_concat(nullif(tags, ''), ',') AS tags,
            group_concat(nullif(note, ''), ' / ') AS note, max(given_at) AS given_at
        FROM opinion_now GROUP BY cell;

        -- What can be measured of an image's pixels: hints, no verdicts.
        CREATE TABLE measure (
            cell INTEGER PRIMARY KEY REFERENCES image (cell) ON DELETE CASCADE,
            contrast REAL NOT NULL,     -- standard deviation of the luma, 0 to 0.5
            sharpness REAL NOT NULL,    -- variance of the luma's Laplacian, in squared steps of 255
            highlights REAL NOT NULL,   -- share of pixels that are white, or nearly
            shadows REAL NOT NULL,      -- share of pixels that are black, or nearly
            saturation REAL NOT NULL    -- mean distance of the strongest from the weakest colour, 0 to 1
        ) STRICT;
        """

    private static let readings = """
        -- What tesseract could read of an image, where somebody asked for it: a hint, no verdict.
        CREATE TABLE reading (
            cell INTEGER PRIMARY KEY REFERENCES image (cell) ON DELETE CASCADE,
            letters INTEGER NOT NULL CHECK (letters >= 0),      -- letters and digits in the text
            text TEXT NOT NULL
        ) STRICT
        """
}
