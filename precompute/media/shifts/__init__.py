"""Changes of frames that leave the scene as it is: one module for each family, and the registry that a job uses."""
