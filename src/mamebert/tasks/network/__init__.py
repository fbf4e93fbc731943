"""Encoder, reading and head as one network."""
