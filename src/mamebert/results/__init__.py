"""What each stage ends with: the `results` of its run.json, one file for each command."""
