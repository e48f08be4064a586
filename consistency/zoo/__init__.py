"""Zoos: what a zoo.toml says, read, checked and loaded."""
