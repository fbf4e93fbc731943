"""What can be known of a stage before it begins."""
