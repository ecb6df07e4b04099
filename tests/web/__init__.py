"""The live pages in a real Chromium."""
