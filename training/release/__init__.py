"""Makes what is shipped: the bundled zoos, their model cards and the bundled clips."""
