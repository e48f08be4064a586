"""What is shipped? Weights in fp16 with BatchNorm folded, zoo.toml, and the model card with the measured figures."""

import hashlib
import json
import os
import platform
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save
from torch.utils.flop_counter import FlopCounterMode

from consistency.networks import SmallUNet
from consistency.zoo import load_zoo

from .data import data_digest
from .evaluate import SHIFTS, Constants, Evaluation, energy_constants, evaluate, n_reports, open_frames
from .methods import CHANNELS_OF, TARGETS, Job, TrainingPlan, final_jobs, trained_network

ZOO = "mini"
VERSION = "1"
DOMAINS = ("rgb", "normal", "depth", "reshading", "edge2d")
METHODS = ("baseline", "consistency")
RUN_SIZE_PX = 256
SMALLEST_SIGMA = 1e-6  # of an untrained zoo, whose terms may all be alike; trained ones are some 1000 times larger
TITLES = {"normal": "Normals", "depth": "Depth", "reshading": "Reshading"}


def write_zoo(
    plan: TrainingPlan,
    networks: Path,
    frames: Path,
    out: Path,
    report: Callable[[int, int], None] = lambda done, of: None,
) -> None:
    """Write weights, zoo.toml and MODEL_CARD.md. What is measured is what was written: the files are loaded again."""
    out.mkdir(parents=True, exist_ok=True)
    jobs = final_jobs(plan)
    digests = {job.name: write_weights(trained_network(networks, job), out / f"{job.name}.safetensors") for job in jobs}
    write_text(out / "zoo.toml", zoo_toml(jobs, digests, {}))
    train, validation, test = open_frames(frames)
    total, done = n_reports(validation, test), 0

    def count(n_frames: int) -> None:
        nonlocal done
        done += n_frames
        report(done, total)

    constants = energy_constants(load_zoo(str(out)), validation, count)
    write_text(out / "zoo.toml", zoo_toml(jobs, digests, constants))
    evaluation = evaluate(load_zoo(str(out)), test, train, plan.seed, count)
    split_sizes = {"training": len(train), "validation": len(validation), "test": len(test)}
    card = model_card(plan, jobs, evaluation, split_sizes, data_digest(frames), networks, frames, out)
    write_text(out / "MODEL_CARD.md", card)


def write_weights(network: SmallUNet, path: Path) -> str:
    """fp16 safetensors; returns the SHA-256 of the file."""
    data = save({name: value.half().contiguous() for name, value in network.state_dict().items()})
    unfinished = path.with_suffix(f".{os.getpid()}.tmp")
    unfinished.write_bytes(data)
    unfinished.replace(path)
    return hashlib.sha256(data).hexdigest()


def write_text(path: Path, text: str) -> None:
    unfinished = path.with_suffix(f".{os.getpid()}.tmp")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


def zoo_toml(jobs: list[Job], digests: dict[str, str], constants: dict[str, Constants]) -> str:
    """The zoo's table of edges and energy constants."""
    lines = [
        "# Made by `python -m training make`; see MODEL_CARD.md for how and how good.",
        f'name = "{ZOO}"',
        f'version = "{VERSION}"',
        'licence = "MIT"',
        f"multiple = {2 ** len(jobs[0].widths)}",
        f"domains = {json.dumps(DOMAINS)}",
        "",
        "[[edge]]",
        'source = "rgb"',
        'target = "edge2d"',
        'method = "shared"',
        'architecture = "sobel-edges"',
    ]
    order = (*METHODS, "shared")
    for job in sorted(jobs, key=lambda job: order.index(str(job.method))):
        arguments = (
            f"in_channels = {CHANNELS_OF[job.source]}, out_channels = {CHANNELS_OF[job.target]}, "
            f"widths = {json.dumps(job.widths)}"
        )
        lines += [
            "",
            "[[edge]]",
            f'source = "{job.source}"',
            f'target = "{job.target}"',
            f'method = "{job.method}"',
            'architecture = "small-unet"',
            f"arguments = {{ {arguments} }}",
            f'weights = "{job.name}.safetensors"',
            f'sha256 = "{digests[job.name]}"',
        ]
    if constants:
        lines += [
            "",
            "# Energy constants, measured with `baseline` on the validation rooms: mu is the mean of each path's term over the",
            "# frames, sigma its mean absolute deviation from mu.",
        ]
    for target, values in constants.items():
        lines += [
            "",
            f"[energy.{target}]",
            f"paths = {json.dumps(values.paths)}",
            f"mu = {json.dumps([round(value, 6) for value in values.mu])}",
            f"sigma = {json.dumps([max(round(value, 6), SMALLEST_SIGMA) for value in values.sigma])}",
        ]
    return "\n".join(lines) + "\n"


# The model card


def model_card(
    plan: TrainingPlan,
    jobs: list[Job],
    evaluation: Evaluation,
    split_sizes: dict[str, int],
    digest: str,
    networks: Path,
    frames: Path,
    out: Path,
) -> str:
    """Everything measured, as it came out."""
    megabytes = sum(path.stat().st_size for path in out.glob("*.safetensors")) / 1e6
    gflop = {
        kind: flops(next(job for job in jobs if (job.source == "rgb") == (kind == "rgb"))) / 1e9
        for kind in ("rgb", "cross")
    }
    sections = [
        f"""# Model card: zoo `{ZOO}`

{len(jobs)} small networks, trained from scratch on rendered rooms, and one fixed filter (rgb-edge2d). They are small on
purpose: the whole zoo is {megabytes:.1f} MB and runs on two CPU cores. They are good enough to show what consistency
energy does, and not good enough for anything that matters. Licence of the weights: MIT.

- Domains: {", ".join(DOMAINS)}; encodings in `consistency/domains.py`.
- `baseline` is trained with L1 alone. `consistency` adds the perceptual terms of X-TC (arXiv 2006.04096): frozen cross
  networks, one per step in turn, read prediction and truth, with a gradient {plan.perceptual_share:g} times as long as
  that of L1. Both methods share the first steps of each network and then take the same number of further steps on the
  same batches; the cross networks are shared (`shared`).
- Networks: strided UNets with plain convolutions (BatchNorm folded), fp16: rgb networks {gflop["rgb"]:.2f} GFLOP (2 x MAC)
  per 256x256 frame, cross networks {gflop["cross"]:.2f}.
- One seed ({plan.seed}) was trained. Differences between the methods that are small against the spread over seeds,
  which was not measured, mean nothing.""",
        made_text(plan, split_sizes, digest, networks, frames),
        errors_text(evaluation),
        energy_text(evaluation),
        cross_text(evaluation),
        """## Limits

Trained and measured on rendered rooms only; nothing was measured on real photographs, people, outdoor views or mirrors,
which are out of distribution. Glass was left out of the rooms. Depth is metric only as far as the field of
view (38 to 80 degrees in training) can be guessed from the image.""",
    ]
    return "\n\n".join(sections) + "\n"


def made_text(plan: TrainingPlan, split_sizes: dict[str, int], digest: str, networks: Path, frames: Path) -> str:
    steps = rgb_steps(plan)
    sizes = ", ".join(f"{n} {name}" for name, n in split_sizes.items())
    starts = {job.starts_from for job in final_jobs(plan) if job.starts_from}
    logs = [
        line for name in [*starts, *(job.name for job in final_jobs(plan))] for line in training_log(networks, name)
    ]
    process_hours = sum(line["seconds"] for line in logs) / 3600
    rendering = json.loads((frames / "render.json").read_text()) if (frames / "render.json").exists() else None
    render_line = (
        f"Rendering took {rendering['seconds'] / 3600:.2f} hours ({rendering['workers']} processes), training "
        if rendering
        else "Training took "
    )
    cpu = f"{os.cpu_count()} cores, {platform.machine()}, {cpu_name()}; torch {torch.__version__}"
    return f"""## How it was made

```
apt-get install sweethome3d-furniture
pip install -r requirements.txt && pip install --no-deps -r training/requirements.txt
python -m training make --out consistency/zoos/{ZOO}
```

- Data: {sizes} frames, 256x256, rendered by `training/rooms.py`; training rooms
  have other furniture models and other textures than validation and test rooms. SHA-256 over the shards: `{digest}`.
- Steps of {plan.batch} images: the rgb networks {steps} at {plan.small_px} px and
  {plan.rgb_full_size_steps} at 256 px, then {plan.method_steps} per method at 256 px; each cross network
  {plan.cross_steps} at {plan.small_px} px and {plan.cross_full_size_steps} at 256 px, on ground truth with soft edges,
  offsets and noise added. AdamW, rate {plan.learning_rate:g}, bfloat16 autocast.
- {render_line}{process_hours:.2f} process-hours of one thread each, on a machine with {cpu}, shared with other work."""


def rgb_steps(plan: TrainingPlan) -> str:
    return ", ".join(f"{target} {n}" for target, n in zip(TARGETS, plan.rgb_steps, strict=True))


def errors_text(evaluation: Evaluation) -> str:
    """A table per target: both methods and the trivial guess."""
    parts = [
        f"""## Errors on held-out rooms

{evaluation.n_frames} frames of test rooms. L1 is in codes (0 to 1). AbsRel is the mean of |d - truth| / truth, "scaled" after
each frame's median is set right. "Per-pixel median" guesses the median of training frames at each pixel, whatever it sees."""
    ]
    for target in TARGETS:
        columns = {method: evaluation.errors[target, method].figures() for method in METHODS}
        columns["per-pixel median"] = evaluation.trivial[target].figures()
        parts.append(table(f"{TITLES[target]}", columns))
    return "\n\n".join(parts)


def energy_text(evaluation: Evaluation) -> str:
    """Energy against error, disagreement, and energy under shifts."""
    rows = [
        "| target | method | Pearson | Spearman | mean energy | mean disagreement | readout gap |",
        "|---|---|---|---|---|---|---|",
    ]
    for target in TARGETS:
        for method in METHODS:
            pearson, spearman = evaluation.correlations(target, method)
            rows.append(
                f"| {target} | {method} | {pearson:.2f} | {spearman:.2f} | {evaluation.energy[target, method].mean():.2f} | "
                f"{evaluation.terms[target, method].mean():.4f} | {evaluation.readout_gap[target, method]:.4f} |"
            )
    shift_rows = ["| target | method | " + " | ".join(SHIFTS) + " |", "|---" * (2 + len(SHIFTS)) + "|"]
    for target in TARGETS:
        for method in METHODS:
            values = " | ".join(f"{evaluation.shifts[target, method, shift]:.2f}" for shift in SHIFTS)
            shift_rows.append(f"| {target} | {method} | {values} |")
    return (
        """## Consistency energy

Pearson's and Spearman's correlation over the test frames between a frame's energy and the L1 error of its direct
prediction. Disagreement is the raw mean over paths of |indirect - direct| in codes; the readout gap is the mean
|f(prediction) - f(truth)| over the target's readouts f.

"""
        + "\n".join(rows)
        + """

Mean energy of the first test frames under shifts (blur: sigma in pixels; JPEG: quality):

"""
        + "\n".join(shift_rows)
    )


def cross_text(evaluation: Evaluation) -> str:
    rows = ["| edge | L1 | other |", "|---|---|---|"]
    for name, errors in sorted(evaluation.cross.items()):
        figures = errors.figures()
        other = ", ".join(
            f"{key} {value:.3g}" for key, value in figures.items() if key in ("mean angle", "median angle", "AbsRel")
        )
        rows.append(f"| {name} | {figures['L1']:.4f} | {other} |")
    return "## Cross networks on ground truth\n\n" + "\n".join(rows)


def table(title: str, columns: dict[str, dict[str, float]]) -> str:
    rows = [f"| {title} | " + " | ".join(columns) + " |", "|---" * (1 + len(columns)) + "|"]
    for figure in next(iter(columns.values())):
        values = " | ".join(format_figure(figure, column[figure]) for column in columns.values())
        rows.append(f"| {figure} | {values} |")
    return "\n".join(rows)


def format_figure(name: str, value: float) -> str:
    if "angle" in name:
        return f"{value:.1f}°"
    return f"{value:.1f}" if name.startswith("%") else f"{value:.4f}" if name == "L1" else f"{value:.3f}"


def training_log(networks: Path, name: str) -> list[dict]:
    path = networks / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def flops(job: Job) -> int:
    """Floating-point operations (2 x MAC) of one frame."""
    network = SmallUNet(CHANNELS_OF[job.source], CHANNELS_OF[job.target], job.widths).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, CHANNELS_OF[job.source], RUN_SIZE_PX, RUN_SIZE_PX))
    return counter.get_total_flops()


def cpu_name() -> str:
    """The processor's own name for itself, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown processor"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown processor")
