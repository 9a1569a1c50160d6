"""The reading copy: what was said, for people to read; filled behind the journal.

The journal answers by account and number; who reads wants conversations. An index for that would
cost the path of an event half as much again, so a second file has it, ``reading.sqlite3``: a thread
follows the journal and writes it. It holds nothing that the journal did not have; whatever is wrong
with it, it is deleted and built anew.
"""
