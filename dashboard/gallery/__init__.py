"""The gallery: sample pictures and clips unlike the rooms that the networks were trained on, with their energies."""
