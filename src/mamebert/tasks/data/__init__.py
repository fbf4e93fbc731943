"""From cells of a table to what a network reads."""
