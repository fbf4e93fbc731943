"""An encoder by the names of its parameters: what its settings tell without modules, and without torch."""
