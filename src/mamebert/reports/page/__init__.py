"""The page: a story, its verdict and its sections."""
