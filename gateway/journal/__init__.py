"""Where messages live: SQLite on disk, or memory. Both are :class:`actors.storage.Journal`."""
