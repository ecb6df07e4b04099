"""Tests that measure time, and have the machine to themselves: see ``tests.alone_first``."""
