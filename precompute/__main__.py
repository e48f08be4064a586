"""`python -m precompute`: the batch job."""

import io
import sys

from precompute.cli.app import app

if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(
                errors="replace"
            )  # a log that is not UTF-8 gets a question mark for σ, and the work goes on
    sys.exit(app(prog_name="python -m precompute"))
