"""The files of a journal: lock, checks, backup, salvage."""
