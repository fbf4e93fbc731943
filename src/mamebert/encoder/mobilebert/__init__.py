"""MobileBERT (Sun et al., 2020): layers narrower than the body they add to."""
