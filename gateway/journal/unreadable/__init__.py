"""Rows nobody can read: found by what their columns hold, set aside with a copy, one by one.

SQLite keeps whatever it is given, and files are edited by people. One such row must not cost
more than itself: it is copied to ``log_meta`` and taken out, so that nothing that reads the file
meets it again; ``journal repair`` moves the copies to a file beside it.
"""
