"""A run on the nodes of a Ray cluster. Only `ray_nodes` imports Ray."""
