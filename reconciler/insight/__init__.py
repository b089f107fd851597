"""Asking: what happened to a customer, and what the figures say. Reads providers and the journal.

Never here: anything that writes to a provider, approves, or decides. A finding may propose a spec, as text, which goes
the way of every other spec.
"""
