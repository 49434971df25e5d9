"""Engine folders: written whole or not at all, checked when they are opened."""

from engines.store.folder import check_engine, find_manifest, publish

__all__ = ["check_engine", "find_manifest", "publish"]
