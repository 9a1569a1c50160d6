"""The kernel: actors, their state machine and their policies. Imports nothing of gateway."""
