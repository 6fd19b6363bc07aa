extension Schema {
    static let failures = """
        -- When it failed last; NULL where the cell is left to other workers for good, as a verification wants it.
        ALTER TABLE failure ADD COLUMN failed_at TEXT
        """
}
