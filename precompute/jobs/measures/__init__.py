"""Measures that are computed from stored tracks, without networks: optical flow and what follows from it."""
