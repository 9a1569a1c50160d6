"""Upkeep: keeps a journal usable over years."""
