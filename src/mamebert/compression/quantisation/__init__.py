"""Toolbox: numbers of few bits."""
