"""Open links: reading, writing, calls, flow control."""
