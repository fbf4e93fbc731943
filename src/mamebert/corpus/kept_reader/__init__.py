"""The reader of the training rows, kept with a model and fitted to the files that it is asked about."""
