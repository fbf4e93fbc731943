"""Toolbox: fewer heads, neurons, layers and tokens."""
