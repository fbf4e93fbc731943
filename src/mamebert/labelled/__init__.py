"""Labelled rows: their parts, leaks, tables and scores."""
