"""What actions come to: from a spec that is done once and the facts of an account to exact changes, pure.

Amounts, targets and addresses come from facts that the provider tells, never from what customers wrote. Nothing here
reads an account or remembers what was done: `reconciler.engine.resolving` does.
"""
