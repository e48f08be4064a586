"""What stored numbers mean: energies, columns and statistics, in numpy alone."""
