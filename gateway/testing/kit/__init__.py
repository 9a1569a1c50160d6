"""What tests of handlers hold: bench, events, clock, factory and the recorder of invariants."""
