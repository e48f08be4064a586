"""`python -m precompute`: the batch job."""

import sys

from precompute.cli.app import app

if __name__ == "__main__":
    sys.exit(app(prog_name="python -m precompute"))
