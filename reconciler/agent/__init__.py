"""Words to drafts: interpreters behind one port, the questions that they may ask, and the validator of what they say.

Never here: a way to approve or apply, a write to a provider, or a model's text shown as a fact.
"""
