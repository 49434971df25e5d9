"""The first run: what this computer has, and what it can run."""
