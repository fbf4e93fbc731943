"""word2vec (gensim) -> a table aligned with the vocabulary; questions put to the table."""
