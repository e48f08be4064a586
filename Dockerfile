# Two images from one file: `page` (the dashboard, no torch) and `worker` (does requests). compose.yaml starts both on one store.
#
#   docker build --target page -t crosscheck-page .
#   docker build --target worker -t crosscheck-worker .
#
# A GPU: docker build --target worker --build-arg TORCH=locked -t crosscheck-worker .  installs torch with CUDA, hash-checked; run it
# with `--gpus all` (compose.yaml has the lines). By default the worker gets PyTorch's CPU build, a fifth of the size: of all packages
# that one alone is not hash-checked, as the lock holds the builds of PyPI.

FROM python:3.12.11-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    CROSSCHECK_STORE=/store
# The store belongs to the user that both images run as; a volume takes its owner from here.
RUN useradd --uid 10001 --create-home crosscheck && install -d -o crosscheck -g crosscheck /store
WORKDIR /app
VOLUME /store

FROM base AS page
COPY requirements/web.lock requirements/
RUN pip install --require-hashes -r requirements/web.lock
COPY analysis analysis
COPY cache cache
COPY dashboard dashboard
USER 10001:10001
EXPOSE 8501
HEALTHCHECK --start-period=60s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/healthz', timeout=5)"]
# The name of the site comes from outside: without it the page answers under the names of this machine alone.
CMD ["sh", "-c", "exec streamlit run dashboard/app.py --server.port 8501 --server.address 0.0.0.0 --server.headless true --server.allowedHosts 127.0.0.1 --server.allowedHosts \"${CROSSCHECK_HOST:-localhost}\""]

FROM base AS worker
ARG TORCH=cpu
COPY requirements/all.lock requirements/torch.lock requirements/
# The CPU build has the version of the lock, and needs none of the packages for GPUs that the lock lists.
RUN if [ "$TORCH" = cpu ]; then \
      version=$(sed -n 's/^torch==\([0-9.]*\).*/\1/p' requirements/torch.lock) && \
      pip install --no-deps --index-url https://download.pytorch.org/whl/cpu "torch==$version" && \
      awk '/^[a-z]/ { skip = /^(torch|triton|cuda-|nvidia-)/ } !skip' requirements/torch.lock > requirements/cpu.lock && \
      pip install --require-hashes -r requirements/all.lock -r requirements/cpu.lock; \
    else \
      pip install --require-hashes -r requirements/all.lock -r requirements/torch.lock; \
    fi
COPY analysis analysis
COPY cache cache
COPY consistency consistency
COPY precompute precompute
USER 10001:10001
# SIGTERM gives the current request back; a pack is finished in seconds.
STOPSIGNAL SIGTERM
HEALTHCHECK --start-period=120s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9464/healthz', timeout=5)"]
CMD ["sh", "-c", "exec python -m precompute serve --no-files --metrics \"${CROSSCHECK_METRICS:-127.0.0.1:9464}\" --log-format \"${CROSSCHECK_LOG_FORMAT:-text}\""]
