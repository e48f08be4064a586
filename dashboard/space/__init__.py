"""What the Space page shows: the configurations of depth that a link means, and the lens of a clip."""
