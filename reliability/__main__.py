"""Tries every promise many times: `python -m reliability [--scale 1.0] [--only NAME,...] [--seed N] [--write]`."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import textwrap
import time
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from reliability import Outcome, Promise, all_promises

DOCS = Path(__file__).resolve().parent.parent / "docs"
WIDTH = 120  # characters per line of the table's notes
RECORDS, TABLE = "reliability.json", "reliability.md"


@dataclass(frozen=True)
class Record:
    """The result of a promise when it was last tried; fields as in Promise and Outcome."""

    number: int
    name: str
    sentence: str
    unit: str
    tries: int
    failures: int
    figures: str
    examples: tuple[str, ...]
    allowed_rate: float
    is_kept: bool
    seconds: float
    seed: int
    date: str
    machine: str


def main(arguments: list[str] | None = None) -> int:
    """Print a line for each promise; exit code 1 if one is not kept, 2 for wrong usage."""
    known = all_promises()
    parser = argparse.ArgumentParser(prog="python -m reliability", description=(__doc__ or "").split(":")[0])
    parser.add_argument("--scale", type=float, default=1.0, help="factor on the number of tries")
    parser.add_argument(
        "--only", metavar="NAME,...", help=f"try only these: {', '.join(promise.name for promise in known)}"
    )
    parser.add_argument("--seed", type=int, default=0, help="equal seeds try equal things")
    parser.add_argument("--write", action="store_true", help=f"update docs/{TABLE}")
    options = parser.parse_args(arguments)
    wanted = options.only.split(",") if options.only else [promise.name for promise in known]
    unknown = sorted(set(wanted) - {promise.name for promise in known})
    if unknown:
        parser.error(f"unknown promise {', '.join(unknown)}; --help lists all names")
    if not options.scale > 0:
        parser.error(f"invalid --scale {options.scale}: use a number > 0")
    records = []
    for promise in known:
        if promise.name in wanted:
            tries = max(1, round(promise.full * options.scale))
            print(f"{promise.number}. {promise.name}: {tries} {promise.unit} ...", file=sys.stderr, flush=True)
            record = attempt(promise, tries, options.seed)
            print(line(record), flush=True)
            for example in record.examples:
                print(f"    {example}", flush=True)
            records.append(record)
            if options.write:  # now, so that an interruption does not lose the figures so far
                write(DOCS, [record])
    n_broken = sum(not record.is_kept for record in records)
    minutes = sum(record.seconds for record in records) / 60
    print(f"{len(records)} promises tried, {n_broken} not kept ({minutes:.1f} min)")
    return 1 if n_broken else 0


def attempt(promise: Promise, tries: int, seed: int) -> Record:
    """Try a promise; an error in the attempt itself counts as a failure."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        try:
            outcome = promise.attempt(tries, Path(folder), seed)
        except Exception as error:
            outcome = Outcome(tries, tries, "the attempt itself failed", (f"{type(error).__name__}: {error}",))
    return Record(
        number=promise.number,
        name=promise.name,
        sentence=promise.sentence,
        unit=promise.unit,
        tries=outcome.tries,
        failures=outcome.failures,
        figures=outcome.figures,
        examples=tuple(outcome.examples),
        allowed_rate=promise.allowed_rate,
        is_kept=promise.is_kept(outcome),
        seconds=round(time.monotonic() - began, 1),
        seed=seed,
        date=datetime.now(UTC).date().isoformat(),
        machine=machine(),
    )


def line(record: Record) -> str:
    """A record on one line: `6. mutated-media: 10000 files, 0 failures, kept (412 s): a damaged ...; 8123 refused ...`."""
    kept = "kept" if record.is_kept else "NOT KEPT"
    counts = f"{record.tries} {record.unit}, {record.failures} failure{'s' * (record.failures != 1)}, {kept} ({record.seconds:.0f} s)"
    return f"{record.number}. {record.name}: {counts}: {record.sentence}" + f"; {record.figures}" * bool(record.figures)


def machine() -> str:
    """The name of the processor and its number of cores."""
    model = "unknown processor"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        models = [text.split(":", 1)[1].strip() for text in cpuinfo.read_text().splitlines() if "model name" in text]
        model = models[0] if models else model
    return f"{model}, {os.cpu_count()} cores"


# --- docs/reliability.md ---


def write(docs: Path, records: list[Record]) -> None:
    """Replace the records with these names in docs/reliability.json, and write the table of all records."""
    known = {record.name: record for record in [*read(docs), *records]}
    ordered = sorted(known.values(), key=lambda record: (record.number, record.name))
    (docs / RECORDS).write_text(json.dumps([asdict(record) for record in ordered], indent=1, ensure_ascii=False) + "\n")
    (docs / TABLE).write_text(table(ordered))


def read(docs: Path) -> list[Record]:
    """Read all records; none if there are none yet. Fields that another version wrote are ignored."""
    names = {field.name for field in fields(Record)}
    entries = json.loads((docs / RECORDS).read_text()) if (docs / RECORDS).is_file() else []
    return [Record(**{name: entry[name] for name in names & entry.keys()}) for entry in entries]


def table(records: list[Record]) -> str:
    """The text of docs/reliability.md."""
    hows = {promise.name: promise.how for promise in all_promises()}
    rows = [
        f"| {record.number} | {record.name} | {_cell(_promised(record))} | {record.tries} {record.unit} "
        f"| {record.failures} | {'yes' if record.is_kept else '**no**'} | {_cell(record.figures)} |"
        for record in records
    ]
    tried = [
        f"- **{record.name}** ({record.date}, seed {record.seed}, {record.seconds:.0f} s, {record.machine}). "
        + hows.get(record.name, "It is no longer tried.")
        for record in records
    ]
    tried = [textwrap.fill(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False) for text in tried]
    examples = [f"- {record.name}: `{_code(example)}`" for record in records for example in record.examples]
    parts = [
        "# Reliability",
        "What the job, the store and the dashboard promise, and how often each promise was tried when it was last measured.\n"
        "Generated by `make torture` (`python -m reliability --write`); `make test` tries each promise a few times.",
        "| no. | name | promise | tries | failures | kept | figures |\n|---|---|---|---|---|---|---|\n"
        + "\n".join(rows),
        "## How each promise was tried",
        "\n".join(tried),
    ]
    if examples:
        parts += ["## Failures found", "\n".join(examples)]
    return "\n\n".join(parts) + "\n"


def _promised(record: Record) -> str:
    share = f" (at least {100 * (1 - record.allowed_rate):g} %)" if record.allowed_rate else ""
    return record.sentence + share


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _code(text: str) -> str:
    return "".join(letter if letter.isprintable() and letter != "`" else "?" for letter in text[:300])


if __name__ == "__main__":
    sys.exit(main())
