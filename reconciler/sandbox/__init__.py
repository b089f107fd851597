"""A billing system of our own that speaks Dodo's REST API on loopback over SQLite, with a clock that can be moved.

Never here: anything of Ratecard's planning; the sandbox knows only the provider's public interface.
"""
