"""The cost of the forms of a model: time, memory, energy, arithmetic."""
