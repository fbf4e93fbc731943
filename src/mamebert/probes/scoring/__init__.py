"""What probes share: questions to the head of masked words, and what is made of its answers."""
