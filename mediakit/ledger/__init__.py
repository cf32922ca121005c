"""What became of every instance of an import, on disk: one SQLite file a job. The only door to sqlite3."""
