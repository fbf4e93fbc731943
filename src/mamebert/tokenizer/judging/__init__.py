"""How well a vocabulary fits a text."""
