"""Text to pieces and back: vocabularies (one file per kind), Japanese words, encoding, quality numbers."""
