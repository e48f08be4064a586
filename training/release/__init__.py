"""What training leaves for users: the bundled zoos, their model cards, the bundled clips."""
