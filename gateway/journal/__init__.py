"""Where messages live: SQLite on disk, or memory. Both are :class:`actors.ports.Journal`."""
