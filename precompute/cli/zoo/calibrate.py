"""`python -m precompute zoo calibrate`: measure the constants of a zoo's energies."""

from __future__ import annotations

from typing import Annotated

import typer

from precompute.cli.output.console import EXIT_FAILED_ITEM, StoreOption, complain, folder_of, say
from precompute.cli.zoo.arguments import CodeOption, ZooArgument
from precompute.failures import SourceError
from precompute.text import one_line

CALIBRATION_FRAMES = 50
"""Frames of each clip, by default."""


def calibrate(
    zoo: ZooArgument,
    clips: Annotated[
        list[str],
        typer.Option("--on", metavar="CLIP", help="A video file, a bundled clip's name, or a URL; repeatable."),
    ],
    method: Annotated[
        str | None, typer.Option(metavar="NAME", help="The method whose networks are measured. Default: baseline.")
    ] = None,
    max_frames: Annotated[
        int, typer.Option(metavar="NUMBER", min=2, help="Frames per clip, spread over it.")
    ] = CALIBRATION_FRAMES,
    allow_code: CodeOption = False,
    store: StoreOption = None,
) -> None:
    """Measure the constants of a zoo's energies: mean and spread of each path's disagreement on ordinary clips.

    Where clips have ground truth, weights of the paths are fitted against the error, too; where nine or more have it, also the error to
    expect, with a 90 % interval. All are stored with the zoo; energies computed from then on use them.

    [bold]Example[/bold]

      python -m precompute zoo calibrate xtc --on walkthrough --on phone
    """
    from consistency.zoo.lock import lock_of, write_lock
    from consistency.zoo.read import load_zoo
    from consistency.zoo.records import ZooError
    from precompute.zoos import calibration
    from precompute.zoos.writing import writing

    folder = folder_of(store) if store else None
    try:
        known = load_zoo(zoo, allow_code=allow_code)
        measured = calibration.calibrate(known, clips, method=method, max_frames=max_frames, store=folder, say=say)
        with writing(known.home):
            lock = lock_of(known.home)
            lock["energy"] = {**lock.get("energy", {}), **measured}
            write_lock(known.home, lock)
    except (ZooError, SourceError, OSError, ValueError) as error:
        complain(one_line(str(error)))
        raise typer.Exit(EXIT_FAILED_ITEM) from error
    for target, row in measured.items():
        say(f"energy of {target}, {row['origin']}")
        for path, mu, sigma in zip(row["paths"], row["mu"], row["sigma"], strict=True):
            say(f"  {path}: mu {mu:.4f}, sigma {sigma:.4f}")
        if "weights" in row:
            named = zip([*row["paths"], *row.get("borrowed", ())], row["weights"], strict=True)
            say("  weights: " + ", ".join(f"{path} {weight:.2f}" for path, weight in named if weight))
