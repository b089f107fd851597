"""The kinds of spec, one file each: shapes and their own rules, provider-neutral.

Never here: I/O, a provider's word, or a rule that needs another document.
"""
