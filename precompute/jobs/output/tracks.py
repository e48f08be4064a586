"""The tracks of a clip: what each is called, which networks it needs, and how its frames and numbers are computed."""

# N frames, C channels, H x W pixels, P paths

from __future__ import annotations

import fnmatch
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from analysis.shifts import SELF
from cache.keys import track_key
from cache.records import MAX_PATH_DOMAINS, Clip, Head
from consistency.domains import DOMAINS, ENERGY, Domain, get_domain
from consistency.energy import disagreement_maps, standardise
from consistency.merging import MERGE_VERSION, merge, mirrored
from consistency.metrics import Truth, frame_errors, measures_of, perceptual_error, valid_pixels
from consistency.zoo.records import IMAGE, MERGED, Chain, EnergyConstants, Zoo, ZooError, direct_path
from precompute.jobs.output.encode import CODEC
from precompute.jobs.predict import Predictions


@dataclass(frozen=True)
class TrackChunk:
    """What one track gains from one batch. Tensors are on the device until `to_host` copies them."""

    images: Tensor | np.ndarray
    """Codes, uint8 (N, H, W, C): one or three channels, or two, the high and the low bytes of 16 bits."""
    columns: Mapping[str, Tensor | np.ndarray]
    """Name -> one value or array per frame, (N, ...)."""
    is_finite: Tensor | None = None
    """Whether the networks' values are finite, one boolean; None for tracks that no network computes."""

    def to_host(self) -> TrackChunk:
        """The same in host memory. Copies from a GPU are only queued: wait for its stream before reading them."""

        def move(values: Tensor | np.ndarray) -> Tensor | np.ndarray:
            return values.to("cpu", non_blocking=True) if isinstance(values, Tensor) else values

        is_finite = None if self.is_finite is None else self.is_finite.to("cpu", non_blocking=True)
        return TrackChunk(move(self.images), {name: move(values) for name, values in self.columns.items()}, is_finite)


@dataclass(frozen=True)
class TrackSpec:
    """How one track is computed."""

    head: Head
    """The start of its manifest."""
    chains: tuple[Chain, ...]
    """The networks it needs, in the order they run; () for input and ground truth."""
    score: Callable[[Predictions], TrackChunk]
    """Turns the predictions of one batch into what the track gains from it."""
    of_truth: Chain = ()
    """The networks that it runs on the ground truth of the domain that they begin with."""
    terms: tuple[tuple[Chain, Chain], ...] = ()
    """For an energy: a direct chain and the one that disagrees with it, for each term."""
    clean: str = ""
    """The key of the track that it is compared with frame by frame: the same configuration on the clip without the shift."""


STATED_LATER = ("trust", "expected", "rankings", "saving", "training", "known_up_to", "has_mask")
"""Constants of a head that change no stored value: how far an energy can be trusted, which error to expect, which methods a
confidence ranks, what merging changes, how a method was trained, and what its networks leave unknown."""
COLUMN_TITLES: dict[str, dict[str, str]] = {
    # Beside them, the errors that consistency/metrics.py describes.
    "pts_seconds": {"title": "Presentation time", "unit": "s"},
    "terms": {"title": "Path disagreement", "unit": "code"},
    "blocks": {"title": "Path disagreement by region", "unit": "code"},
    "disagreement": {"title": "Readout disagreement", "unit": "code"},
    "perceptual": {"title": "Perceptual error", "unit": "code"},
    "mirror": {"title": "Disagreement with the mirrored image", "unit": "code"},
    "length": {"title": "Shortening of the normals", "unit": ""},
    "self_error": {"title": "Mean absolute difference from the clean prediction", "unit": "code"},
    "self_angle_degrees": {"title": "Mean angle to the clean prediction", "unit": "°"},
    "self_absrel": {"title": "Relative difference from the clean prediction", "unit": ""},
    "self_absrel_scaled": {"title": "Relative difference from the clean prediction, scale aligned", "unit": ""},
}
SCORES = "scores"
"""The kind of a prediction or readout of which only the numbers are kept."""
SELF_VERSION = 1
"""Raised when the self-disagreement means something else; part of the keys of tracks that have one."""
ERRORS_VERSION = 3
"""Raised when tracks with true depth or normals gain columns; part of their key."""
SELF_MEASURES = ("error", "angle_degrees", "absrel", "absrel_scaled")
"""The measures that are taken against the clean prediction, too."""
NORMAL = "normal"


def plan_tracks(
    clip: Clip,
    zoo: Zoo,
    patterns: Sequence[str],
    truth: Mapping[str, str],
    clean: Clean | None = None,
    *,
    keeps_pictures: bool = True,
) -> list[TrackSpec]:
    """Every track that the patterns select on a clip.

    `patterns` are globs on `zoo/method/path`. Each configuration includes its prediction rgb-Y and the energy of Y,
    without which a readout cannot be judged. Paths share what they have in common: a prefix is computed once. `truth`: domain -> SHA-256 of the ground truth beside the clip.
    `clean`: of a shifted clip, the clip without the shift, with whose predictions its own are compared. Unless
    `keeps_pictures`, the numbers of predictions are stored, and blank images.
    Raises ZooError for a pattern that matches nothing.
    """
    truth = {name: truth[name] for name in sorted(truth, key=list(DOMAINS).index)}
    maker = _Maker(clip, zoo, truth, clean, keeps_pictures)
    specs = [maker.input(), *(maker.truth_of(domain) for domain in truth)]
    chosen = select_configurations(zoo, patterns)
    for method, target in dict.fromkeys((method, path.split("-")[1]) for method, path in chosen):
        if method == MERGED:
            specs.append(maker.merged(target))
            continue
        specs.append(maker.prediction(method, target))
        specs += [
            maker.readout(method, path)
            for chosen_method, path in chosen
            if chosen_method == method and path.startswith(f"{IMAGE}-{target}-")
        ]
        if target in zoo.energies:
            specs.append(maker.energy(method, target))
    return specs


READOUTS = "*/*/*-*-*"
"""Matches every path with a domain in between."""


def select_configurations(zoo: Zoo, patterns: Sequence[str]) -> list[tuple[str, str]]:
    """(method, path) of each configuration that a pattern selects: one of `Zoo.paths`, or a longer path that is spelled out.

    `mini/*/rgb-normal-reshading-depth` is the path of every method that has its edges, and cycles such as
    `rgb-depth-normal-depth` are paths too. A pattern that begins with `!` leaves out what it matches; patterns that all do leave
    it out of everything. Raises ZooError if a pattern selects none, or nothing is left.
    """
    left_out = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    patterns = [pattern for pattern in patterns if not pattern.startswith("!")] or ["*"]
    available = zoo.configurations()
    spelled = {pair: f"{zoo.name}/{pair[0]}/{pair[1]}" for pair in available}
    chosen: dict[tuple[str, str], None] = {}
    for pattern in patterns:
        matching = [pair for pair in available if fnmatch.fnmatch(spelled[pair], pattern)] or _longer(zoo, pattern)
        if not matching:
            raise ZooError(
                f"no configuration of zoo '{zoo.name}' matches '{pattern}'",
                f"write zoo/method/path, such as '{next(iter(spelled.values()), '')}'; methods: {', '.join(zoo.methods)}; "
                f"domains: {', '.join(zoo.domains)}{_missing(zoo)}",
            )
        chosen |= dict.fromkeys(matching)
    for pattern in left_out:
        matching = {pair for pair in chosen if fnmatch.fnmatch(f"{zoo.name}/{pair[0]}/{pair[1]}", pattern)}
        if pattern == READOUTS and not matching:
            continue  # of a zoo without readouts, none is what was asked for
        if not matching or len(matching) == len(chosen):
            raise ZooError(
                f"'!{pattern}' leaves out {'everything' if matching else 'nothing'} that was asked for",
                "write !zoo/method/path beside what is wanted, such as '*,!*/*/*-*-*' for everything but readouts",
            )
        chosen = {pair: None for pair in chosen if pair not in matching}
    order = {pair: at for at, pair in enumerate(available)}
    return sorted(chosen, key=lambda pair: order.get(pair, len(order)))


def _longer(zoo: Zoo, pattern: str) -> list[tuple[str, str]]:
    """The methods of the pattern that have every edge of its path, with that path. Raises ZooError if none of them has."""
    names, _, path = pattern.rpartition("/")
    domains = path.split("-")
    if len(domains) < 3 or domains[0] != IMAGE or any(name not in zoo.domains for name in domains[1:]):
        return []
    if len(domains) > MAX_PATH_DOMAINS:
        raise ZooError(f"'{path}' has {len(domains)} domains", f"a path has at most {MAX_PATH_DOMAINS}")
    methods = [name for name in zoo.methods if fnmatch.fnmatch(f"{zoo.name}/{name}", names)]
    found, lacking = [], None
    for method in methods:
        try:
            zoo.chain(method, path)
        except ZooError as error:
            lacking = error
            continue
        if domains[1] in zoo.targets(method):
            found.append((method, path))
    if not found and lacking is not None:
        raise lacking
    return found


def _missing(zoo: Zoo) -> str:
    if not zoo.missing:
        return ""
    return f"; {len(zoo.missing)} networks are not installed; list them with: python -m precompute zoo check {zoo.name}"


def chains_of(specs: Iterable[TrackSpec]) -> list[Chain]:
    """The chains of networks that those tracks need."""
    return [chain for spec in specs for chain in spec.chains]


def truth_chains_of(specs: Iterable[TrackSpec]) -> dict[str, list[Chain]]:
    """Domain -> the chains of networks that those tracks run on its ground truth."""
    found: dict[str, list[Chain]] = {}
    for spec in specs:
        if spec.of_truth:
            found.setdefault(spec.of_truth[0].source, []).append(spec.of_truth)
    return found


def not_finite(chunks: Mapping[str, TrackChunk]) -> list[str]:
    """The keys of the tracks for which a network returned NaN or infinity: once stored, they would look like a valid image.

    The chunks are in host memory.
    """
    return [key for key, chunk in chunks.items() if chunk.is_finite is not None and not bool(chunk.is_finite)]


@dataclass(frozen=True)
class Clean:
    """The clip that a shifted one shows without the shift."""

    clip: Clip
    holds: Callable[[str], bool]
    """Whether the store holds the finished track of that key."""


@dataclass(frozen=True)
class _Maker:
    """Builds the track specs of one clip and zoo."""

    clip: Clip
    zoo: Zoo
    truth: Mapping[str, str]
    clean: Clean | None = None
    keeps_pictures: bool = True

    @property
    def padded_size(self) -> tuple[int, int]:
        """Height and width of the networks' input, pixels."""
        multiple = self.zoo.size_multiple
        return self.clip.height + -self.clip.height % multiple, self.clip.width + -self.clip.width % multiple

    def input(self) -> TrackSpec:
        head = self._head("input", "", IMAGE, DOMAINS[IMAGE], {}, ["pts_seconds"])
        return TrackSpec(head, (), lambda found: TrackChunk(found.frames.rgb, _columns(found)))

    def truth_of(self, name: str) -> TrackSpec:
        head = self._head("truth", "", name, get_domain(name), {}, ["pts_seconds"], truth=name)
        return TrackSpec(head, (), lambda found: TrackChunk(found.frames.truth[name], _columns(found)))

    def prediction(self, method: str, target: str) -> TrackSpec:
        return self._image_track("prediction", method, f"{IMAGE}-{target}", reference=None)

    def readout(self, method: str, path: str) -> TrackSpec:
        last = path.rsplit("-", maxsplit=1)[-1]
        try:
            reference = self.zoo.chain(method, f"{IMAGE}-{last}")
        except ZooError:
            reference = (
                None  # no network predicts this domain from the image, so there is no direct path to disagree with
            )
        return self._image_track("readout", method, path, reference)

    def energy(self, method: str, target: str) -> TrackSpec:
        constants = self.zoo.energies[target]
        terms = tuple(
            (self.zoo.chain(method, direct_path(path)), self.zoo.chain(method, path)) for path in constants.all_paths
        )
        doubts = _Doubts.of(self.zoo, method, target, method)

        def score(found: Predictions) -> TrackChunk:
            apart = found.disagreements
            energy = standardise(apart.maps(terms), constants.all_mu, constants.all_sigma, constants.all_weights)
            codes = (energy - ENERGY.lo) / (ENERGY.hi - ENERGY.lo)
            columns = {"terms": apart.means(terms), "blocks": apart.blocks(terms).half(), **doubts.columns(found)}
            return TrackChunk(_to_uint8(codes[:, None]), _columns(found, columns), _is_finite(columns["terms"]))

        chains = (*dict.fromkeys(chain for term in terms for chain in term), *doubts.chains)
        head = self._head(
            "energy",
            method,
            f"{IMAGE}-{target}",
            ENERGY,
            _digests(*chains),
            ["pts_seconds", "terms", "blocks", *doubts.names],
            constants={
                "paths": list(constants.all_paths),
                "mu": list(constants.all_mu),
                "sigma": list(constants.all_sigma),
                **_stated_weights(constants),
                **doubts.stated,
                "origin": constants.origin,
                **_stated_later(self.zoo, target, method),
            },
        )
        return TrackSpec(head, chains, score, terms=terms)

    def merged(self, target: str) -> TrackSpec:
        """The prediction of `merged`. It has no energy: one that contains the paths would be low by construction."""
        recipe = self.zoo.merges[target]
        direct, *indirect = (self.zoo.chain(recipe.of, path) for path in recipe.paths)
        weighed = zip(
            (direct, mirrored(direct), *indirect), (recipe.weights[0], recipe.mirror, *recipe.weights[1:]), strict=True
        )
        merged = {chain: weight for chain, weight in weighed if weight}  # what counts for nothing need not run
        domain = self.zoo.domain(target)
        clean = self._clean_key(lambda maker: maker.merged(target))
        doubts = _Doubts.of(self.zoo, recipe.of, target, MERGED)
        terms = tuple((direct, chain) for chain in indirect)
        is_expected = (target, MERGED) in self.zoo.expected

        def score(found: Predictions) -> TrackChunk:
            output = merge([found.planar(chain) for chain in merged], list(merged.values()), domain)
            columns: dict[str, Tensor] = doubts.columns(found)
            if is_expected:
                columns["terms"] = found.disagreements.means(terms)
            if target in self.truth:
                columns |= found.truth(domain).errors(output)
            if clean:
                columns |= _self_disagreement(domain, output, found.clean_codes[clean])
            return TrackChunk(self._picture(output, domain), _columns(found, columns), _is_finite(output))

        names = ["pts_seconds", *doubts.names, *(["terms"] if is_expected else [])]
        names += _error_names(domain) if target in self.truth else []
        names += _self_names(domain) if clean else []
        made = asdict(recipe)
        constants = {
            "origin": made.pop("origin"),
            "merge": {"version": MERGE_VERSION, **made},
            **({"paths": list(recipe.paths[1:])} if is_expected else {}),  # of the column `terms`
            **self._training(recipe.of),
            **doubts.stated,
            **_stated_later(self.zoo, target, MERGED),
            **_left_unknown(direct),
        }
        stated = [chain for term in terms for chain in term] if is_expected else []
        chains = tuple(dict.fromkeys((*merged, *stated, *doubts.chains)))
        head = self._head(
            self._kind("prediction"),
            MERGED,
            f"{IMAGE}-{target}",
            domain,
            _digests(*chains),
            names,
            constants=constants,
            truth=target if target in self.truth else None,
        )
        return TrackSpec(head, chains, score, clean=clean)

    def _kind(self, kind: str) -> str:
        return kind if self.keeps_pictures else SCORES

    def _picture(self, output: Tensor, domain: Domain) -> Tensor:
        """The codes to store, as of a TrackChunk; blank where pictures are not kept, as every frame of a pack has one."""
        levels = _to_levels(output, domain)
        return levels if self.keeps_pictures else torch.zeros_like(levels)

    def _clean_key(self, make: Callable[[_Maker], TrackSpec]) -> str:
        """The key of the same track on the clip without the shift, if that is stored; else empty."""
        if self.clean is None:
            return ""
        key = make(_Maker(self.clean.clip, self.zoo, self.truth)).head.key
        return key if self.clean.holds(key) else ""

    def _image_track(self, kind: str, method: str, path: str, reference: Chain | None) -> TrackSpec:
        chain = self.zoo.chain(method, path)
        domain = self.zoo.domain(path.rsplit("-", maxsplit=1)[-1])
        true_name = domain.name if domain.name in self.truth else None
        names = ["pts_seconds"] + (["disagreement"] if reference else [])
        if true_name:
            names += _error_names(domain)
        # A readout of a prediction against the same readout of the truth, where the truth of what is read is known.
        read = path.split("-")[1]
        of_truth = chain[1:] if kind == "readout" and read in self.truth else ()
        if of_truth:
            names.append("perceptual")
        clean = self._clean_key(lambda maker: maker._image_track(kind, method, path, reference))
        names += _self_names(domain) if clean else []
        has_mask = "has_mask" in _left_unknown(chain)

        def score(found: Predictions) -> TrackChunk:
            output, flat = found.outputs[chain], found.planar(chain)
            columns: dict[str, Tensor] = {}
            if reference:
                columns["disagreement"] = found.disagreements.means([(reference, chain)])[:, 0]
            is_finite = _is_finite(output)
            if reference:
                is_finite &= _is_finite(columns["disagreement"])
            if true_name:
                columns |= _errors(found.truth(domain), flat, has_mask=has_mask)
            if of_truth:
                known = found.truth(self.zoo.domain(read))
                columns["perceptual"] = perceptual_error(flat, found.planar_of_truth(of_truth), known)
            if clean:
                columns |= _self_disagreement(domain, flat, found.clean_codes[clean])
            return TrackChunk(self._picture(output, domain), _columns(found, columns), is_finite)

        edges = _digests(chain, *([reference] if reference else []))
        head = self._head(
            self._kind(kind),
            method,
            path,
            domain,
            edges,
            names,
            constants={**self._training(method), **_left_unknown(chain)},
            truth=true_name,
            read=read if of_truth else None,
        )
        return TrackSpec(head, (chain, *([reference] if reference else [])), score, of_truth, clean=clean)

    def _training(self, method: str) -> dict[str, Any]:
        """How the method's networks came about, as far as the zoo says."""
        words = {"networks": self.zoo.description, "method": self.zoo.trainings.get(method, "")}
        return {"training": words} if any(words.values()) else {}

    def _head(
        self,
        kind: str,
        method: str,
        path: str,
        domain: Domain,
        edges: Mapping[str, str],
        columns: Sequence[str],
        *,
        constants: Mapping[str, Any] | None = None,
        truth: str | None = None,
        read: str | None = None,
    ) -> Head:
        """`truth`: the domain whose ground truth gives the errors; `read`: that whose ground truth is read out."""
        zoo = self.zoo.name if method else ""
        constants = constants or {}
        # The truth decides the error columns, so adding a truth later makes another track. Where constants come from, and
        # what is stated later, change no value.
        numbers = {name: value for name, value in constants.items() if name not in ("origin", *STATED_LATER)}
        inputs: dict[str, Any] = {"edges": dict(edges), "constants": numbers}
        inputs["truth"] = self.truth[truth] if truth else None
        if {"absrel_scaled", "angle_degrees"} & set(columns):  # other errors are as they were, and so are their keys
            inputs["errors"] = ERRORS_VERSION
        if constants.get("has_mask") and truth and method != MERGED:
            inputs["has_mask"] = True  # what it excludes has no error
        if domain.bits != 8:
            inputs["stored"] = {"bits": domain.bits, "range": [domain.lo, domain.hi]}
        if read:
            inputs["read"] = self.truth[read]
        if SELF + "error" in columns:
            inputs["self"] = SELF_VERSION
        if edges and (padded := self.padded_size) != (self.clip.height, self.clip.width):
            inputs["padded"] = padded  # the padding changes what networks see near the border
        described = COLUMN_TITLES | measures_of(domain)
        return Head(
            key=track_key(self.clip.key, kind, zoo, method, path, inputs),
            kind=kind,
            clip=self.clip,
            zoo=zoo,
            method=method,
            path=path,
            domain=domain.record(),
            codec=CODEC,
            edges=edges,
            constants=constants,
            columns={name: described[name] for name in columns},
        )


@dataclass(frozen=True)
class _Doubts:
    """The numbers beside the terms that an expected error uses: what the mirrored image and the length of normals say."""

    mirror: tuple[Chain, Chain] | None
    """The direct chain and its mirror."""
    length: Chain | None
    """The chain of the method's normals."""

    @classmethod
    def of(cls, zoo: Zoo, method: str, target: str, expected_of: str) -> _Doubts:
        """Those that the expected error of `expected_of` names, of the networks of `method`."""
        expected = zoo.expected.get((target, expected_of))
        features = expected.features if expected else ()
        direct = zoo.chain(method, f"{IMAGE}-{target}")
        return cls(
            (direct, mirrored(direct)) if "mirror" in features else None,
            zoo.chain(method, f"{IMAGE}-{NORMAL}") if "length" in features else None,
        )

    @property
    def chains(self) -> tuple[Chain, ...]:
        return (*(self.mirror or ()), *((self.length,) if self.length else ()))

    @property
    def names(self) -> list[str]:
        return [name for name, used in (("mirror", self.mirror), ("length", self.length)) if used]

    @property
    def stated(self) -> dict[str, Any]:
        """What the head states of them, and with it the key."""
        return {"features": self.names} if self.names else {}

    def columns(self, found: Predictions) -> dict[str, Tensor]:
        columns: dict[str, Tensor] = {}
        if self.mirror:
            columns["mirror"] = found.disagreements.means([self.mirror])[:, 0]
        if self.length:
            columns["length"] = found.disagreements.shortening(self.length)
        return columns


def term_maps(terms: Sequence[tuple[Chain, Chain]], outputs: Mapping[Chain, Tensor]) -> Tensor:
    """Per-pixel disagreement of each term's chain with its direct one: float32 (N, P, H, W)."""
    maps = [disagreement_maps(outputs[direct], [outputs[chain]]) for direct, chain in terms]
    return torch.cat(maps, dim=1)


def _stated_weights(constants: EnergyConstants) -> dict[str, Any]:
    """The weights of an energy as its head states them; nothing for a zoo without, whose keys thus stay."""
    if not constants.weights:
        return {}
    return {"weights": {"weighted": list(constants.weights), "paper": list(constants.paper_weights)}}


def _stated_later(zoo: Zoo, target: str, method: str) -> dict[str, Any]:
    """What the head of an energy or a merged prediction states of what was measured, as JSON gives it back."""
    trust, expected = zoo.trust.get((target, method)), zoo.expected.get((target, method))
    rankings = zoo.rankings_of(target, method)
    stated = {
        "trust": asdict(trust) if trust else None,
        "expected": asdict(expected) if expected else None,
        "rankings": {other: ranking.stated() for other, ranking in rankings.items()},
        "saving": asdict(zoo.savings[target]) if method == MERGED and target in zoo.savings else None,
    }
    return {name: json.loads(json.dumps(stated[name])) for name in stated if stated[name]}


def _left_unknown(chain: Chain) -> dict[str, Any]:
    """What is lacking to metres, and whether a mask gives pixels the code of unknown, where the zoo says so."""
    spec = chain[-1].output_spec
    stated = {"known_up_to": spec.known_up_to, "has_mask": bool(spec.mask)} if spec else {}
    return {name: value for name, value in stated.items() if value}


def _errors(truth: Truth, predicted: Tensor, *, has_mask: bool) -> dict[str, Tensor]:
    """The columns of `frame_errors`; of a network with a mask, over the pixels that it has a value for."""
    if has_mask:
        truth = Truth(truth.domain, truth.codes, truth.valid & valid_pixels(truth.domain, predicted))
    return truth.errors(predicted)


def _error_names(domain: Domain) -> list[str]:
    """The columns of `frame_errors`."""
    return list(measures_of(domain))


def _self_names(domain: Domain) -> list[str]:
    """The columns of `_self_disagreement`."""
    return [SELF + name for name in measures_of(domain) if name in SELF_MEASURES]


def _self_disagreement(domain: Domain, output: Tensor, clean: Tensor) -> dict[str, Tensor]:
    """The errors of a prediction with the clean one, stored in 8 bits, in place of the truth: every pixel of it is known."""
    everywhere = torch.ones_like(clean[:, 0], dtype=torch.bool)
    found = frame_errors(domain, output, clean, everywhere)
    return {SELF + name: values for name, values in found.items() if name in SELF_MEASURES}


def _columns(found: Predictions, more: Mapping[str, Tensor] | None = None) -> dict[str, Tensor | np.ndarray]:
    return {"pts_seconds": found.frames.pts_seconds, **(more or {})}


def _digests(*chains: Chain) -> dict[str, str]:
    return {edge.name: edge.digest for chain in chains for edge in chain}


def _is_finite(values: Tensor) -> Tensor:
    """One boolean, left on the device: reading it here would make the host wait for the GPU."""
    # One NaN or infinity makes the sum not finite; testing every pixel takes ten times as long.
    return torch.isfinite(values.sum(dtype=torch.float32))


def _to_uint8(codes: Tensor) -> Tensor:
    """Codes (N, C, H, W), clipped to [0, 1] -> uint8 (N, H, W, C), rounded on the device."""
    if codes.device.type != "cpu":
        return (codes.float() * 255).round_().clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()
    # One pass in place of four; to the last bit the same, which OpenCV's multiplication by a number is not.
    is_interleaved = codes.is_contiguous(memory_format=torch.channels_last)
    values = (codes.permute(0, 2, 3, 1) if is_interleaved else codes).float().contiguous()
    rows = values.numpy().reshape(-1, values.shape[-1] * values.shape[-2])
    levels = torch.from_numpy(cv2.addWeighted(rows, 255.0, rows, 0.0, 0.0, dtype=cv2.CV_8U)).reshape(values.shape)
    return levels if is_interleaved else levels.permute(0, 2, 3, 1).contiguous()


def _to_levels(codes: Tensor, domain: Domain) -> Tensor:
    """Codes (N, C, H, W), clipped to [0, 1] -> what is stored, uint8 (N, H, W, C), or (N, H, W, 2) of 16 bits."""
    if domain.bits == 8:
        return _to_uint8(codes)
    wanted = codes.float()[:, 0]
    levels = (wanted.double() * domain.levels).round_().clamp_(1, domain.levels - 1).int()
    # Only what is unknown or infinitely far has an end code: no value is rounded to one.
    levels = torch.where(wanted <= 0, 0, torch.where(wanted >= 1, domain.levels, levels))
    return torch.stack([levels >> 8, levels & 255], dim=-1).to(torch.uint8)
