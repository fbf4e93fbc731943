"""Arithmetic, time, memory and energy, measured or counted."""
