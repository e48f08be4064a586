"""How good a confidence is on the clips of a store: correlations, ROC, areas and coverage, each with its interval."""
