"""How a compressed model lies on disk, and what runs it."""
