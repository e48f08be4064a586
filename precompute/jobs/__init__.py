"""The batch job: for each source, plan, read, predict, score, encode and store."""
