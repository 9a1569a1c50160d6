"""Actors that share threads: mailboxes, workers, timers, the poller."""
