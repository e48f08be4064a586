"""How networks are trained: plans, batches, methods, the resumable loop."""
