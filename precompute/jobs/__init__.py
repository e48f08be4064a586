"""The job on one source: plan, read, predict, score, encode, store."""
