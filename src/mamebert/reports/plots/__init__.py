"""Plots as plain SVG."""
