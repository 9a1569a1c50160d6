"""The kit for tests of handlers: bench, events, clock, factory and the recorder of invariants."""
