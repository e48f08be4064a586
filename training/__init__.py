"""Makes the bundled zoos: renders rooms, trains networks on them, evaluates and exports."""
