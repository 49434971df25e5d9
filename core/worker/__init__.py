"""The engine loop, and the process around it."""
