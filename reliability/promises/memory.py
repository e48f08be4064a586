"""Does a job need more memory for a longer clip? The peaks of the job and of its decoder, on a clip and on a tenth of it."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

from reliability import Outcome, Promise
from tests.fixtures.media import write_video
from tests.fixtures.zoos import write_zoo

GROWTH = 1.1
"""Peak on the long clip over that on the short one: at most."""
SIZE_PX = 64
PACK_FRAMES = 32
"""So few that the short clip, too, fills some packs."""
ROOT = Path(__file__).parents[2]


def constant_memory(tries: int, folder: Path, seed: int) -> Outcome:
    """Compute a clip and a tenth of it, each in its own process, and compare their peak memory."""
    zoo = write_zoo(folder / "zoo")
    clip = write_video(folder / "clip.mp4", tries)
    peaks = []
    for n_frames in (max(1, tries // 10), tries):
        command = [
            sys.executable,
            "-m",
            "reliability.promises.memory",
            clip,
            n_frames,
            zoo,
            folder / f"store-{n_frames}",
        ]
        done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            return Outcome(tries, 1, done.stderr[-500:])
        peaks.append(json.loads(done.stdout.splitlines()[-1]))
    growths = [long / short for short, long in zip(*peaks, strict=True)]
    megabytes = ", ".join(
        f"{name} {short >> 10} and {long >> 10} MiB"
        for name, short, long in zip(("job", "decoder"), *peaks, strict=True)
    )
    return Outcome(tries, int(max(growths) > GROWTH), f"peaks on {tries // 10} and {tries} frames: {megabytes}")


def main(clip: str, n_frames: str, zoo: str, store: str) -> None:
    """Compute a clip, then print the peak memory of this process and of its largest child, kB."""
    import torch

    from cache.store import Store
    from consistency.zoo.read import load_zoo
    from precompute.jobs.compute_clip import compute_clip
    from precompute.jobs.output import packs
    from precompute.jobs.plan import make_plan
    from precompute.jobs.predict import Compute, Precision
    from precompute.media import sources
    from precompute.media.sampling import Sampling

    torch.set_num_threads(1)
    packs.PACK_PIXELS = PACK_FRAMES * SIZE_PX**2
    opened = Store(store)
    source = sources.resolve(clip, media_dir=opened.media_dir)
    sampling = Sampling(max_frames=int(n_frames), size=SIZE_PX)
    plan = make_plan(opened, source, sampling, load_zoo(zoo), ["*"])
    done = compute_clip(opened, plan, Compute(torch.device("cpu"), Precision(torch.float32), 8))
    assert done.n_frames == int(n_frames)
    print(json.dumps([resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]))


PROMISES = [
    Promise(
        number=15,
        name="memory",
        sentence="a job needs at most 10 % more memory for a clip than for a tenth of it",
        unit="frames",
        small=320,
        full=3000,
        attempt=constant_memory,
    )
]

if __name__ == "__main__":
    main(*sys.argv[1:])
