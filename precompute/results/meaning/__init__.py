"""What the numbers of predictions mean: formats, axes, units, colours."""
