"""What keeps a journal well over years."""
