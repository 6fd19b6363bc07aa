extension Schema {
    static let priority = """
        -- What somebody wants first; higher is granted before lower, and 0 is what everything has that nobody prioritised.
        ALTER TABLE shard ADD COLUMN priority INTEGER NOT NULL DEFAULT 0 CHECK (priority BETWEEN 0 AND 9);
        CREATE INDEX shard_prioritised ON shard (priority DESC, id, requirement) WHERE priority > 0;

        -- What is over leaves that index with its last cell: a claim would look at it again and again.
        CREATE TRIGGER shard_is_over AFTER UPDATE OF state ON cell WHEN NEW.state IN ('done', 'failed')
        BEGIN
            UPDATE shard SET priority = 0
            WHERE id = NEW.shard AND priority > 0
                AND NOT EXISTS (
                    SELECT 1 FROM cell WHERE cell.shard = NEW.shard AND state = 'pending' AND cell.shard IS NOT NULL)
                AND NOT EXISTS (SELECT 1 FROM cell WHERE attempt IS NOT NULL AND cell.shard = NEW.shard);
        END;
        """
}
