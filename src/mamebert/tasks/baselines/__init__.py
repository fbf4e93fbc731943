"""Baselines that only one task has."""
