"""The model-definition API."""
