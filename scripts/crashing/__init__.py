"""A gateway that is killed with SIGKILL, at a named point or at any moment, and who judges it."""
