"""The page Models: what zoos and presets are, for people who choose networks."""
