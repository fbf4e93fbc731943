"""Routes: one file for each kind of client that people have already."""
