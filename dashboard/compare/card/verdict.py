"""The verdict on a comparison: what energy and error say, beyond which noise, and how far that can be believed. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.compare.card.facts import Facts
from dashboard.compare.card.headline import Headline
from dashboard.compare.card.measures import Measures
from dashboard.compare.card.telling_gaps import telling_gaps
from dashboard.compare.card.trainings import training_fact


@dataclass(frozen=True)
class Verdict:
    """What the card says, as plain text."""

    warnings: tuple[str, ...]
    """Why not to trust what the numbers seem to say; none: the card is calm."""
    headline: str
    facts: tuple[tuple[str, str], ...]
    """(label, sentences) of the details."""


def verdict(measures: Measures) -> Verdict:
    """The verdict on one or more configurations."""
    contenders = measures.contenders
    gaps = telling_gaps(measures)
    said, first = Facts(measures, gaps), Headline(measures, gaps)
    facts = [training_fact([c.trained for c in contenders if c.trained])]
    if len(contenders) <= 2:
        facts += [("Energy", said.energy_fact()), (said.error_label(), said.error_fact())]
        facts.append(("Perceptual error", said.gap_fact("perceptual", [c.perceptual for c in contenders])))
        change = said.gap_fact("stability", [c.stability for c in contenders])
        facts.append(("Change over time", " ".join(text for text in (change, measures.steadiness) if text)))
    else:
        facts += [("Energy", said.without_energy()), ("Change over time", measures.steadiness)]
    facts.append(("Expected error", said.expected_fact()))
    facts += [("On this clip", said.agreement_fact()), ("Merged", said.merged_fact())]
    facts += [("Between methods", said.ranking_fact()), ("Trust", said.trust_fact())]
    facts.append(("Not shown", " ".join(measures.missing)))
    return Verdict(tuple(first.warnings()), first.headline(), tuple((label, text) for label, text in facts if text))
