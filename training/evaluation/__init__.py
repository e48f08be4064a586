"""Evaluates the zoos: errors, energies and shifts, as tables and pictures."""
