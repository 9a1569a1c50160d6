"""Figures for machines: what the kernel counts anyway, read when somebody asks for it.

Nothing here is on the path of an event, and no lock of it is taken.
"""
