"""Metrics as sums over test rows, and their spread."""
