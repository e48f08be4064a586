"""Zoos: zoo.toml read, checked and loaded."""
