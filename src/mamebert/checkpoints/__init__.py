"""The promise: plain transformers opens what we save, with equal logits."""
