"""The runtime panel: what the engine does now, and has done in the last two minutes."""
