"""The batch job: reads videos, runs networks, and is the only writer of the store."""
