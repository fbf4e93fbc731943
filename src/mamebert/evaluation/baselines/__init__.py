"""Simple methods that an encoder has to beat."""
