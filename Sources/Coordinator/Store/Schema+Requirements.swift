extension Schema {
    static let requirements = """
        -- What cells want of a worker: a model with what is added to it, at a size.
        CREATE TABLE requirement (
            id INTEGER PRIMARY KEY,
            fingerprint INTEGER NOT NULL REFERENCES phrase (id),
            options TEXT NOT NULL,
            width INTEGER NOT NULL,
            height INTEGER NOT NULL,
            model INTEGER NOT NULL REFERENCES phrase (id),  -- what the sweep calls it
            files TEXT NOT NULL,                            -- what it calls the LoRAs and the VAE, by SHA-256
            UNIQUE (fingerprint, options, width, height)
        ) STRICT;
        INSERT INTO requirement (fingerprint, options, width, height, model, files)
            SELECT cell.fingerprint, options, cell.width, cell.height, min(model), min(files)
            FROM cell JOIN position ON position.id = cell.position WHERE shard IS NOT NULL GROUP BY 1, 2, 3, 4;
        ALTER TABLE shard ADD COLUMN requirement INTEGER REFERENCES requirement (id);
        UPDATE shard SET requirement = wanted.requirement FROM (
            SELECT shard, min(requirement.id) AS requirement
            FROM cell JOIN requirement USING (fingerprint, options, width, height)
            WHERE shard IS NOT NULL GROUP BY shard) AS wanted
        WHERE wanted.shard = shard.id;

        -- What the worker can render, as its hello told it, in JSON.
        ALTER TABLE worker ADD COLUMN able TEXT;

        -- What a worker can't render by what it said of itself.
        CREATE TABLE misfit (
            worker INTEGER NOT NULL REFERENCES worker (id),
            requirement INTEGER NOT NULL REFERENCES requirement (id),
            reason TEXT NOT NULL,
            shortage INTEGER NOT NULL CHECK (shortage >= 0),    -- bytes of memory that are missing
            PRIMARY KEY (worker, requirement)
        ) STRICT, WITHOUT ROWID;

        -- Which cells a worker is not granted: by what its hello told, or because it gave a lease of that model back.
        CREATE VIEW unfit AS
        SELECT worker, requirement, reason, shortage FROM misfit
        UNION ALL
        SELECT worker, requirement.id, reason, 0 FROM inability JOIN requirement USING (fingerprint);
        """
}
