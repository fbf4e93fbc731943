"""What runs wrote down, as the page needs it."""
