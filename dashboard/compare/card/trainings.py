"""What A, B, ... are: whose networks, trained how, in the words that their zoos state. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis.stated.training import Training, training_of
from cache.records import Track
from dashboard.text import one_line

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")


@dataclass(frozen=True)
class Trained:
    """The method behind one configuration."""

    letter: str
    zoo: str
    method: str
    training: Training | None
    merged_of: str = ""
    """The method whose paths are merged; empty for a network's own prediction."""


def trained(letter: str, track: Track) -> Trained:
    """What the manifest of a prediction says of its method; the texts come from outside."""
    head = track.head
    merge = head.constants.get("merge")
    of = merge.get("of") if isinstance(merge, Mapping) else None
    return Trained(
        letter, one_line(head.zoo), one_line(head.method), training_of(track), of if isinstance(of, str) else ""
    )


def training_fact(found: Sequence[Trained]) -> tuple[str, str]:
    """(`A and B`, what they are) for the card; the text is empty without configurations."""
    if not found:
        return "", ""
    label = _listed([one.letter for one in found]) if len(found) <= 2 else f"{found[0].letter} to {found[-1].letter}"
    if not any(one.training or one.merged_of for one in found):
        names = _listed(list(dict.fromkeys(f"{one.zoo}/{one.method}" for one in found)))
        return label, f"{names}; how their networks were trained is not recorded with this clip."
    methods: dict[tuple[str, str], list[Trained]] = {}
    for one in found:
        methods.setdefault((one.zoo, one.method), []).append(one)
    networks = {(one.zoo, one.training.networks if one.training else "") for one in found}
    is_one_zoo = len(networks) == 1
    parts = [_networks(*next(iter(networks)), _n_trainings(found), len(found))] if is_one_zoo else []
    for same in methods.values():
        text = _method(same[0])
        if not is_one_zoo:
            text += f" (zoo {same[0].zoo}{_after(same[0].training)})"
        parts.append(f"{_listed([one.letter for one in same])}: {text}." if len(methods) > 1 else f"{text}.")
    return label, " ".join(part for part in parts if part)


def _networks(zoo: str, networks: str, n_trainings: int, n_shown: int) -> str:
    """`two trainings of small U-Nets, ... (zoo mini).`"""
    if n_trainings == 1 and n_shown > 1:
        return f"one training, {_number(n_shown)} paths; {networks or 'its networks are not described'} (zoo {zoo})."
    count = f"{_number(n_trainings)} trainings of " if n_trainings > 1 else ""
    return f"{count}{networks} (zoo {zoo})." if networks else f"{count or 'from '}zoo {zoo}."


def _method(one: Trained) -> str:
    if one.merged_of:
        return f"the paths of {one_line(one.merged_of)}, merged"
    if one.training and one.training.method:
        return one.training.method
    return f"{one.method}; how it was trained is not recorded with this clip"


def _after(training: Training | None) -> str:
    return f": {training.networks}" if training and training.networks else ""


def _n_trainings(found: Sequence[Trained]) -> int:
    return len({one.merged_of or one.method for one in found})


def _number(count: int) -> str:
    return NUMBERS[count] if count < len(NUMBERS) else str(count)


def _listed(letters: Sequence[str]) -> str:
    return letters[0] if len(letters) == 1 else f"{', '.join(letters[:-1])} and {letters[-1]}"
