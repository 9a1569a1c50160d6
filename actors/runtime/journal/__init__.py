"""The journal writer: who waits, and how it is committed."""
