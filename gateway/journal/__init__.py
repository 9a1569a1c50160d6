"""The journals: in SQLite or in memory; each an :class:`actors.ports.journal.Journal`."""
