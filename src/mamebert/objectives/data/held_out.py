"""Masking of held-out text, the same whatever an encoder is trained with: losses of all runs can be compared."""

HELD_OUT_MASKS = {"mask_rate": 0.15, "mask_token_rate": 0.8, "mask_unit": "token"}
HELD_OUT_BATCH = 8192  # tokens
