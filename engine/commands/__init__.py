"""The commands behind ``halcytone``: each module imports what it needs when it is called.

``halcytone serve`` must be ready in a moment, so nothing here loads MkDocs or NumPy before its turn.
"""
