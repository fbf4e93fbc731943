"""From token shards to masked batches."""
