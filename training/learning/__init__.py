"""Trains the networks: plans, batches, methods and the resumable loop."""
