"""Writes folders that are read while they change: files replaced atomically, or a whole new tree swapped in.

Owns: how files reach the disk.
Invariants: a file is never truncated in place nor half there; an unchanged file is not rewritten; what was put is on
the disk (fsync) when the call returns. May import: the standard library.
"""
