"""Errors of single frames against a truth, from values instead of codes, with unknown pixels on either side."""

# N frames, H x W pixels, C channels

from __future__ import annotations

import numpy as np

from consistency.domains import Domain


def error_columns(domain: Domain, predicted: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
    """Name -> float32 (N,), as the job computes them. `predicted`, `truth`: codes (N, H, W, C), NaN where unknown."""
    import torch  # results without a truth need neither

    from consistency.metrics import frame_errors

    known = np.isfinite(predicted).all(axis=-1) & np.isfinite(truth).all(axis=-1)

    def tensor(codes: np.ndarray) -> torch.Tensor:
        # Sky is infinite and would overflow: what is not known counts nothing, whatever it is.
        return torch.from_numpy(np.where(np.expand_dims(known, -1), codes, np.float32(0))).permute(0, 3, 1, 2)

    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # on a busy machine two cost forty times as much as one, waiting for each other
    try:
        found = frame_errors(domain, tensor(predicted), tensor(truth), torch.from_numpy(known))
    finally:
        torch.set_num_threads(n_threads)
    return {name: values.numpy().astype(np.float32) for name, values in found.items()}
