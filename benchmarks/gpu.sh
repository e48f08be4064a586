#!/bin/sh
# All that needs a GPU, in one command for a machine that has little more than torch: `sh benchmarks/gpu.sh`.
# Wheels of what is missing there (av, diskcache, platformdirs, isal) are taken from .whl/, if there is one.
# Results as they come, and job-gpu.json and both logs in $OUT, else in benchmarks/. A part that fails stops no other.
cd "$(dirname "$0")/.." || exit 1
PYTHON=${PYTHON:-python3}
WHEELS=$(mktemp -d)
if ls .whl/*.whl >/dev/null 2>&1; then
    "$PYTHON" -m pip install --quiet --no-index --no-deps --target "$WHEELS" .whl/*.whl || exit 1
fi
export PYTHONPATH="$WHEELS:$PWD${PYTHONPATH:+:$PYTHONPATH}"
export OUT="${OUT:-$PWD/benchmarks}"
export FAIL_WITHOUT_CUDA=1
echo "== speed"
timeout "${BENCH_SECONDS:-300}" "$PYTHON" -u -m benchmarks.job 2>&1 | tee "$OUT/job-gpu.txt"
echo "== tests"
# Without conftest.py, whose fixtures need a browser.
timeout "${TEST_SECONDS:-150}" "$PYTHON" -m pytest --noconftest -q -m needs_cuda -p no:cacheprovider tests/test_cuda.py 2>&1 |
    tee "$OUT/test-cuda.txt"
