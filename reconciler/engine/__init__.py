"""Doing: configuration, planning, applying, reversing; the only room where the others meet.

Never here: words for a terminal, or a rule of a single provider.
"""
