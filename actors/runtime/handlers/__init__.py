"""The threads that run handlers, and their scheduler."""
