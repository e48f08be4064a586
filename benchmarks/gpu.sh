#!/bin/sh
# All that needs a GPU, in one command for a machine that has little more than torch: `sh benchmarks/gpu.sh`.
# Wheels of what is missing there (av, diskcache, platformdirs, isal) are taken from .whl/, if there is one.
# Results as they come, and job-gpu.json and both logs in $OUT, else in benchmarks/. A part that fails, or is cut after its
# time, stops no other; the exit code is then 1. Ten minutes at most.
cd "$(dirname "$0")/.." || exit 1
PYTHON=${PYTHON:-python3}
WHEELS=$(mktemp -d)
if ls .whl/*.whl >/dev/null 2>&1; then
    "$PYTHON" -m pip install --quiet --no-index --no-deps --target "$WHEELS" .whl/*.whl || exit 1
fi
export PYTHONPATH="$WHEELS:$PWD${PYTHONPATH:+:$PYTHONPATH}"
export OUT="${OUT:-$PWD/benchmarks}"
export FAIL_WITHOUT_CUDA=1

# part NAME SECONDS COMMAND...: what it prints, here and in $OUT/NAME.txt.
part() {
    name=$1 limit=$2
    shift 2
    echo "== $name"
    {
        timeout "$limit" "$@" 2>&1
        code=$? # of the command: a pipe would give that of tee
        [ $code -eq 0 ] || echo "error: $name ended with exit code $code (124: cut after $limit s)"
        [ $code -eq 0 ] || touch "$WHEELS/failed"
    } | tee "$OUT/$name.txt"
}

# Without conftest.py, whose fixtures need a browser.
part test-cuda "${TEST_SECONDS:-150}" "$PYTHON" -m pytest --noconftest -q -m needs_cuda -p no:cacheprovider tests/test_cuda.py
part job-gpu "${BENCH_SECONDS:-420}" "$PYTHON" -u -m benchmarks.job
[ ! -e "$WHEELS/failed" ]
