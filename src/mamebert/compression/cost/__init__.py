"""What the forms of a model cost: time, memory, energy, arithmetic."""
