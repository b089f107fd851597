"""The interpreter that asks Claude, or a server that speaks like it: requests, replies, and drafts read out of them.

Never here: a tool that approves, applies or writes; text of a spec that anybody may have written, unless as a handle;
a value taken on a model's word. The client library is imported when a request is made and nowhere else.
"""
