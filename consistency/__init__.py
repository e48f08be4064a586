"""The science: networks, zoos, path graphs and consistency energy, in pure torch."""
