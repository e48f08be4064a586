"""The verdict above the pictures: what A and B are, who is closer, by how much, and how far that can be believed."""
