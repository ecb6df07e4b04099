"""Live pages and their ES modules."""
