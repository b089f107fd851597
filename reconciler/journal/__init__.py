"""The memory: append-only and hash-chained entries, bindings, and the account's lock.

Never here: a decision, or a call to a provider.
"""
