"""Measures the scale of an energy: mean and spread of each path's disagreement, with one method on ordinary clips.

Where the clips have ground truth, the weights of the paths are fitted against the error, and the error to expect.
"""

# N frames, P paths

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from analysis.weights import NotFitted, Terms, fit_energy
from cache.store import default_root
from consistency.domains import get_domain
from consistency.energy import disagreement_maps, raw_terms
from consistency.merging import shortening
from consistency.path_graph import Graph
from consistency.zoo.load import load_network
from consistency.zoo.records import IMAGE, Zoo, ZooError
from precompute.failures import SourceError
from precompute.jobs.batches import FrameBatch
from precompute.jobs.predict import predict
from precompute.media import decoder, sampling, sources
from precompute.zoos.calibrated_errors import Frames, fitted_error

BASELINE = "baseline"
NORMAL = "normal"
BATCH_SIZE = 8


def calibrate(
    zoo: Zoo,
    clips: Sequence[str],
    *,
    method: str | None,
    max_frames: int,
    store: Path | None,
    say: Callable[[str], None],
) -> dict[str, dict[str, Any]]:
    """Target -> `paths`, `mu`, `sigma` (mean absolute deviation) and `origin`, for every energy whose networks are installed.

    With `weights`, and `borrowed` paths to other targets, where they could be fitted against the error, and the error to expect of
    the method (`expected`) where enough clips have ground truth; `say` reports why not.

    Computed in float32 on the CPU, so that the constants do not depend on the machine. Raises ZooError and SourceError.
    """
    method = method or (BASELINE if BASELINE in zoo.methods else zoo.methods[0])
    if method not in zoo.methods:
        raise ZooError(f"zoo '{zoo.name}' has no method '{method}'; its methods are {', '.join(zoo.methods)}")
    targets = [target for target in zoo.energy_paths if target in zoo.targets(method) and zoo.has_all(target)]
    if not targets:
        raise ZooError(
            f"zoo '{zoo.name}' has no energy for which all networks of {method} are installed",
            "add [energy.TARGET] with paths to zoo.toml",
        )
    chains = {
        target: [zoo.chain(method, path) for path in (f"{IMAGE}-{target}", *zoo.energy_paths[target])]
        for target in targets
    }
    device = torch.device("cpu")
    normals = zoo.chain(method, f"{IMAGE}-{NORMAL}") if NORMAL in zoo.targets(method) else ()
    graph = Graph(
        [*(chain for group in chains.values() for chain in group), *([normals] if normals else [])],
        lambda edge: load_network(edge, device=device, dtype=torch.float32),
    )
    terms: dict[str, list[np.ndarray]] = {target: [] for target in targets}
    frames = {target: Frames() for target in targets}
    titles, n_frames = [], 0
    for number, clip in enumerate(clips):
        source = sources.resolve(clip, media_dir=(store or default_root()) / "media")
        titles.append(source.title)
        for batch in read(source, spread(source, max_frames), targets):
            found = predict(graph, batch, device, zoo.size_multiple)
            lengths = shortening(found.outputs[normals]).numpy() if normals else np.zeros(0)
            for target, (direct, *indirect) in chains.items():
                maps = disagreement_maps(found.outputs[direct], [found.outputs[chain] for chain in indirect])
                terms[target].append(raw_terms(maps).numpy())
                truth = found.true_codes.get(target)
                frames[target].add(number, zoo.domain(target), found.outputs[direct], truth, lengths)
            n_frames += len(batch)
        say(f"{source.title}: measured")
    origin = f"{n_frames} frames of {', '.join(titles)}, with {method}"
    rows = {target: _row(zoo, target, np.concatenate(parts), origin) for target, parts in terms.items()}
    scaled = {
        target: Terms(tuple(row["paths"]), tuple(row["mu"]), tuple(row["sigma"]), np.concatenate(terms[target]))
        for target, row in rows.items()
    }
    for target, row in rows.items():
        row.update(_weights(target, scaled, np.concatenate(frames[target].errors)[:, 0], say))
        expected = fitted_error(target, zoo.domain(target), frames[target], scaled, row, say)
        if expected:
            row["expected"] = {method: expected}
    return rows


def read(source: sources.Source, wanted: sampling.Sampling, targets: Sequence[str]) -> Iterator[FrameBatch]:
    """Batches of a clip with the ground truth of those targets that it has. Raises SourceError."""
    with ExitStack() as stack:
        frames = stack.enter_context(closing(decoder.frames(source.path, wanted)))
        truth = {
            name: stack.enter_context(closing(decoder.frames(path, wanted, channels=get_domain(name).channels)))
            for name, path in source.truth.items()
            if name in targets
        }
        while group := list(islice(frames, BATCH_SIZE)):
            true = {name: [frame.rgb for frame in islice(found, len(group))] for name, found in truth.items()}
            for name, codes in true.items():
                if len(codes) != len(group):
                    raise SourceError("bad_truth", f"{source.title}: ground truth of {name} ends before the clip")
            yield FrameBatch.stack(group, true)


def _weights(target: str, terms: Mapping[str, Terms], errors: np.ndarray, say: Callable[[str], None]) -> dict[str, Any]:
    """`weights` and `borrowed` of an energy; empty where they cannot be fitted, which is reported."""
    if not np.isfinite(errors).any():
        say(
            f"energy of {target}: no clip has its ground truth, so it has no weights and is the plain mean of its paths"
        )
        return {}
    try:
        found = fit_energy(target, terms, errors)
    except NotFitted as error:
        say(f"energy of {target}: no weights, {error}")
        return {}
    return {"weights": list(found.values), **({"borrowed": list(found.borrowed)} if found.borrowed else {})}


def spread(source: sources.Source, max_frames: int) -> sampling.Sampling:
    """A sampling of frames at equal intervals over the whole clip."""
    info = decoder.probe(source)
    seconds = info.duration_seconds if info.n_frames_estimate > max_frames else None
    return sampling.Sampling(fps=max_frames / seconds if seconds else None, max_frames=max_frames)


def _row(zoo: Zoo, target: str, terms: np.ndarray, origin: str) -> dict[str, Any]:
    """The constants of one energy. `terms`: float32 (N, P). Raises ZooError for a path that never varies."""
    mu = terms.mean(axis=0, dtype=np.float64)
    sigma = np.abs(terms - mu).mean(axis=0, dtype=np.float64)
    for path, middle, width in zip(zoo.energy_paths[target], mu, sigma, strict=True):
        if not np.isfinite(middle) or not width > 0:
            raise ZooError(
                f"energy of {target}: {path} disagrees by {middle:.4g} in every frame",
                "measure on clips that change more",
            )
    return {
        "paths": list(zoo.energy_paths[target]),
        "mu": [round(float(value), 6) for value in mu],
        "sigma": [max(round(float(value), 6), 1e-6) for value in sigma],
        "origin": origin,
    }
