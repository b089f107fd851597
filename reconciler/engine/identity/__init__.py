"""Who somebody is, proven: SSH signatures and OIDC tokens against what the policy says of its members.

Never here: whether that person may do something, and never a name that is only claimed.
"""
