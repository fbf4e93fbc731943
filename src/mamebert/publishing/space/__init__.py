"""What lies in a Space beside the model; `mamebert push --space` copies it."""
