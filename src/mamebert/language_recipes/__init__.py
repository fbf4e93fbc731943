"""Recipes for one language: what papers tell, what a corpus tells, and a file that carries both out."""
