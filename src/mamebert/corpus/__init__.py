"""Text on disk: readers, cleaning, sentences, duplicates, document shards, token shards."""
