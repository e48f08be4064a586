"""Writes the model card of a zoo: what its users must know, on about one screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from consistency.zoo.records import SHARED, Zoo
from training.evaluation.evaluate import Evaluation
from training.evaluation.tables import number, plain, table, title
from training.learning.plan import TARGETS

FIGURES = {"normal": ("mean angle", "L1"), "depth": ("AbsRel", "L1"), "reshading": ("L1",)}
"""The figures of each target that a card shows."""


def model_card(zoo: Zoo, evaluation: Evaluation, provenance: Mapping[str, Any], results_link: str | None = None) -> str:
    """The text of a card. `provenance` may have, shown unchanged: `commands` (lines), `data`, `data_digest`, `render`,
    `training`, `settings` (rows of a table), `notes` (sentences). `own_data`: its name, where the zoo was not trained on rooms."""
    own = provenance.get("own_data")
    sections = [what_text(zoo, own), figures_text(zoo, evaluation, results_link, own), made_text(provenance)]
    sections += [] if own else [limits_text(zoo)]
    return "\n\n".join(section for section in sections if section) + "\n"


def what_text(zoo: Zoo, own_data: str | None = None) -> str:
    """The first section: contents, licence, domains and methods."""
    files = {edge.weights for edge in zoo.edges if edge.weights}
    megabytes = sum(path.stat().st_size for path in files) / 1e6
    filters = ", ".join(f"{edge.source}-{edge.target}" for edge in zoo.edges if edge.weights is None)
    is_one = len(files) == 1
    return f"""# Model card: zoo `{zoo.name}`

{len(files)} small network{"" if is_one else "s"} of {megabytes:.1f} MB in total, trained from scratch on {own_data or "rendered rooms"}{f", and fixed filters of the image ({filters})" if filters else ""}. They
are small on purpose, so that two CPU cores can run them: good enough to show how consistency energy works, not for serious use.

- Licence of the weights: {zoo.licence}. Version {zoo.version}.
- Domains: {", ".join(zoo.domains)}; encodings in `consistency/domains.py`.
- Methods: {", ".join(zoo.methods)}; networks named `{SHARED}` serve all of them."""


def figures_text(zoo: Zoo, evaluation: Evaluation, results_link: str | None, own_data: str | None = None) -> str:
    """A row per method: its errors, and how well the energy predicts them."""
    columns = [(target, figure) for target in TARGETS if target in evaluation.trivial for figure in FIGURES[target]]
    rows = []
    for method in zoo.methods:
        row = [method]
        for target, figure in columns:
            errors = evaluation.errors.get((target, method))
            row.append(number(figure, errors.figures()[figure]) if errors else "–")
        for target in TARGETS:
            known = (target, method) in evaluation.energies
            row.append(plain(evaluation.correlations(target, method)[1], 2) if known else "–")
        rows.append(row)
    rows.append(
        [
            "per-pixel median",
            *(number(figure, evaluation.trivial[target].figures()[figure]) for target, figure in columns),
            *("–" for _ in TARGETS),
        ]
    )
    header = ["", *(f"{title(target)}, {figure}" for target, figure in columns), *(f"ρ {title(t)}" for t in TARGETS)]
    link = f" All figures: `{results_link}`." if results_link else ""
    return f"""## Key figures

Measured on {evaluation.n_frames} frames of {f"the test split of {own_data}" if own_data else "held-out rooms"}. L1 is in codes (0 to 1), ρ is Spearman's between energy and L1 over frames.{link}

{table(header, rows)}"""


def made_text(provenance: Mapping[str, Any]) -> str:
    """Commands, data, hours, notes and settings; empty without any of them."""
    parts = ["## How it was made"]
    if commands := provenance.get("commands"):
        parts.append("```\n" + "\n".join(commands) + "\n```")
    facts = []
    for name, label in (
        ("data", "Data"),
        ("data_digest", "SHA-256 of the data"),
        ("render", "Rendering"),
        ("training", "Training"),
    ):
        if provenance.get(name):
            facts.append(f"- {label}: {provenance[name]}")
    facts += [f"- {note}" for note in provenance.get("notes", [])]
    if facts:
        parts.append("\n".join(facts))
    if settings := provenance.get("settings"):
        names = list(settings[0])
        parts.append(table(names, [[str(row.get(name, "")) for name in names] for row in settings]))
    return "\n\n".join(parts) if len(parts) > 1 else ""


def limits_text(zoo: Zoo) -> str:
    """What the networks cannot do."""
    has_lens = any(edge.architecture == "geo-net" for edge in zoo.edges)
    lens = " `geonet` assumes a field of view of 60 degrees on video." if has_lens else ""
    return f"""## Limits

Trained on rendered rooms only: real photographs, outdoor views, mirrors and crowds are out of distribution. Depth is metric only
as far as the field of view can be inferred from the image.{lens} Where the truth is unknown (windows, sky), nothing was trained."""
