"""Actions at Dodo: facts that are read, levels that are reached, one write for each, and finding out what became of it.

Nothing here decides, retries a write or remembers: that is the engine's and the journal's.
"""
