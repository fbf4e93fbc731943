"""Toolbox: a student and its teacher."""
