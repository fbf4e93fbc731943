"""Learning vocabularies whose pieces know whether a space stands before them, and saving what was learnt."""
