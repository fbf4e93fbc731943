"""How the rows of training were read, kept with a model, and fitted to the files that it is asked about."""
