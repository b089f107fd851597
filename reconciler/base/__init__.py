"""Facts with no I/O: money, clock, canonical JSON and digests, errors, diagnostics.

Never here: disk, network, environment, or anything that knows a spec or a provider.
"""
