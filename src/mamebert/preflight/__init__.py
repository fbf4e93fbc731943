"""Checks before a stage begins."""
