"""A classifier on the bag of a text's pieces: sparse weights beside document vectors, fitted convexly."""
