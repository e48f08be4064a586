"""Requests: work asked for, kept in the store until a worker has done it. `queue.Requests` is where to begin."""
