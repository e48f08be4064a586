"""Evaluates zoos on one's own data, as on the rooms: errors, perceptual errors, energy against error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from consistency.zoo.records import Zoo
from training.evaluation.evaluate import evaluate, n_evaluated
from training.evaluation.measures.chains import direct_chains
from training.evaluation.sections import energy_text, errors_text, readouts_text
from training.scenes.frames import Frames, data_digest


def evaluate_data(
    zoos: Sequence[Zoo],
    folder: Path,
    data: str,
    report: Callable[[int, int], None] = lambda done, of: None,
    device: str = "cpu",
) -> str:
    """The results of each zoo on the prepared frames in `folder`, as Markdown; `data` names them.

    Raises ValueError for a zoo that predicts nothing whose truth is known.
    """
    test = Frames(folder, "test")
    # What the trivial guess knows: training frames, where there are any.
    train = Frames(folder, "train") if any(folder.glob("train-*.npy")) else test
    done, total = 0, len(zoos) * n_evaluated(test)

    def count(n_frames: int) -> None:
        nonlocal done
        done += n_frames
        report(done, total)

    known = ", ".join(sorted(test.domains - {"rgb"}))
    parts = [
        f"# Results on {data}",
        f"{len(test)} frames; ground truth: {known}. SHA-256 of the frames: `{data_digest(folder)}`.",
    ]
    for zoo in zoos:
        targets = {target for target, _ in direct_chains(zoo)}
        if not targets & test.domains:
            raise ValueError(
                f"zoo {zoo.name} predicts {', '.join(sorted(targets)) or 'nothing that is compared here'}; the data has the truth of {known}"
            )
        found = evaluate(zoo, test, train, 1, count, device)
        texts = (errors_text(zoo, found, data), readouts_text(found), energy_text(found))
        parts += [f"# Zoo {zoo.name}" if len(zoos) > 1 else f"Zoo `{zoo.name}`.", *texts]
    return "\n\n".join(parts) + "\n"
