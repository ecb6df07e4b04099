"""Folders that readers look into while they change: files replaced atomically, or a whole new tree put in place.

Invariants: a file is never truncated in place nor half there; what is unchanged is not rewritten; what was put is on
the disk (fsync) when the call returns. May import: the standard library.
"""
