"""The science: networks, zoos, path graphs and consistency energy, in plain torch."""
