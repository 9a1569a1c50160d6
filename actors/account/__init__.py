"""One account: its actors and what they share."""
