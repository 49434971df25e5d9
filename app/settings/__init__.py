"""The settings: what the user can choose, and where each choice is kept."""
