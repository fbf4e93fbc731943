"""Forms of a compressed model on disk, and the programs that run them."""
