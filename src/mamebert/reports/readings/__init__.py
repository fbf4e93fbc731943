"""Records of runs, as the page needs them."""
