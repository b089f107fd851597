"""What people write: the envelope, the kinds, YAML with positions, load, check, fmt, export.

Never here: a provider's word, or anything that decides what to do about a spec.
"""
