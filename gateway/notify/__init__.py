"""The bell: tells people of alerts, through apprise (extra ``[notify]``).

``rules`` decides what is told when, ``deliveries`` when a message is tried, ``message`` in which
words; all three are pure. ``bell`` carries out on one thread, ``courier`` knows apprise.
"""
