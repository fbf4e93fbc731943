"""Tokenizers that were made elsewhere: opened with care, watched at work."""
