"""The outside world: one interface (`base`), one folder a provider, and the registry that names them.

Never here: a decision about what should be; providers say what they can do and do what they are told.
"""
