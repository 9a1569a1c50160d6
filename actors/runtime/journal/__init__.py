"""The journal writer: its waitlist and its commits."""
