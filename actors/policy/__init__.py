"""Pure decisions: no clock, no threads, no I/O. Time and dice are arguments."""
