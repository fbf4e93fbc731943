"""Models as folders that the Hugging Face Hub takes, and the way there."""
