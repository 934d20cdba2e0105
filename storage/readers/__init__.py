"""Lazy scans of files of any published format."""
