"""Renders furnished rooms with ground truth, and stores the frames."""
