"""Blocks, numbers and names of a page."""
