"""`python -m precompute`: the batch job."""

import io
import os
import sys

# Between two steps of a network torch's threads wait busily, by default for milliseconds, which decoding and encoding need; now
# about as long as it takes to wake a thread. OpenMP reads it when torch is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

from precompute.cli.app import app

if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(
                errors="replace"
            )  # a log that is not UTF-8 gets a question mark for σ, and the work goes on
    sys.exit(app(prog_name="python -m precompute"))
