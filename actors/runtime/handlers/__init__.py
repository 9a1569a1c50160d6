"""The threads that run handlers, and who runs next."""
