"""Text to ids: one file per kind of vocabulary, and Japanese word splitting."""
