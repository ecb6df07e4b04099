"""The live pages through hours: a real Chromium, a real server whose clock runs faster, and all that goes wrong."""
