"""Questions put to a trained encoder: ONE FILE EACH."""
