"""Models -> answers."""
