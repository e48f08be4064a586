"""What was measured: errors, energies and shifts, as tables and pictures."""
