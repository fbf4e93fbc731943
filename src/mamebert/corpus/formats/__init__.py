"""Bytes of files as rows of text: what suffixes and first bytes tell, and a reader for each layout."""
