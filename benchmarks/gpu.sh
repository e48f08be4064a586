#!/bin/sh
# Runs everything that needs a GPU, on a machine with little more than torch: `sh benchmarks/gpu.sh`.
# Missing packages (av, diskcache, platformdirs, isal) are installed from the wheels in .whl/, if it exists.
# Results are printed as they come; job-gpu.json and both logs are written to $OUT, or to benchmarks/figures/. A part that fails or
# times out does not stop the next one; the exit code is then 1. Takes ten minutes at most.
cd "$(dirname "$0")/.." || exit 1
PYTHON=${PYTHON:-python3}
WHEELS=$(mktemp -d)
if ls .whl/*.whl >/dev/null 2>&1; then
    "$PYTHON" -m pip install --quiet --no-index --no-deps --target "$WHEELS" .whl/*.whl || exit 1
fi
export PYTHONPATH="$WHEELS:$PWD${PYTHONPATH:+:$PYTHONPATH}"
export OUT="${OUT:-$PWD/benchmarks/figures}"
export FAIL_WITHOUT_CUDA=1

# part NAME SECONDS COMMAND...: print the output and write it to $OUT/NAME.txt.
part() {
    name=$1 limit=$2
    shift 2
    echo "== $name"
    {
        timeout "$limit" "$@" 2>&1
        code=$? # that of the command, as a pipe would return that of tee
        [ $code -eq 0 ] || echo "error: $name ended with exit code $code (124: timed out after $limit s)"
        [ $code -eq 0 ] || touch "$WHEELS/failed"
    } | tee "$OUT/$name.txt"
}

# Without conftest.py, whose fixtures need a browser.
part test-cuda "${TEST_SECONDS:-150}" "$PYTHON" -m pytest --noconftest -q -m needs_cuda -p no:cacheprovider tests/consistency/test_cuda.py
part job-gpu "${BENCH_SECONDS:-420}" "$PYTHON" -u -m benchmarks.job
[ ! -e "$WHEELS/failed" ]
