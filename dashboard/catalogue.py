"""The catalogue of a store: its clips, targets, readouts and configurations, as the menus list them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from analysis.shifts import shift_of, source_of
from cache.records import Clip, Track
from dashboard.configuration import Configuration, menu_order, method_rank
from dashboard.gallery.items import own_digests
from dashboard.text import counted, one_line

DOMAIN_ORDER = ("normal", "depth", "reshading", "curvature", "edge2d", "edge3d", "keypoint2d", "keypoint3d")
"""Every list of domains has these first, as the project page does; others follow by title."""


def place_of(domain: str, title: str) -> tuple[int, str, str]:
    """What lists of domains are sorted by."""
    place = DOMAIN_ORDER.index(domain) if domain in DOMAIN_ORDER else len(DOMAIN_ORDER)
    return place, title.casefold(), domain


class Catalogue:
    """What a store holds, by clip and target. `tracks` come newest first, as `Store.tracks` returns them.

    `unlisted`: keys of clips that only links with the full key may name (see listed.py).
    """

    def __init__(self, tracks: Sequence[Track], unlisted: Collection[str] = ()) -> None:
        self.unlisted = unlisted
        self._by_name: dict[tuple[str, str, str, str, str], list[Track]] = {}
        self._by_clip: dict[str, list[Track]] = {}
        self._titles: dict[str, str] = {}
        for track in tracks:
            head = track.head
            self._by_clip.setdefault(head.clip.key, []).append(track)
            name = (head.clip.key, head.kind, head.zoo, head.method, head.path)
            self._by_name.setdefault(name, []).append(track)
            domain, title = head.domain.get("name"), head.domain.get("title")
            if isinstance(domain, str) and isinstance(title, str) and title:
                self._titles.setdefault(domain, one_line(title))
        clips = [self._clip_record(key) for key in self._by_clip]
        last = own_digests()  # no page opens on a sample, and one's own clips head the menus
        plain = [clip for clip in clips if not source_of(clip.sampling)]
        bases = {source_of(clip.sampling) for clip in clips}

        def rank(clip: Clip) -> tuple[bool, bool]:
            """What a ladder was made from comes after the same source sampled in another way, which was meant for looking at."""
            twins = (other for other in plain if other.source_sha256 == clip.source_sha256 and other.key not in bases)
            return clip.source_sha256 in last, clip.key in bases and any(twins)

        self.shifted: tuple[Clip, ...] = tuple(clip for clip in clips if source_of(clip.sampling))
        """Clips under a shift, newest first: menus name them only while a link shows them."""
        self.clips: tuple[Clip, ...] = tuple(sorted(plain, key=rank)) or self.shifted
        self._clips: dict[str, Clip] = {clip.key: clip for clip in (*self.clips, *self.shifted)}
        self._twins: dict[str, list[Clip]] = {}
        """Title on one line -> the clips of that title in the menus."""
        for clip in self.clips:
            self._twins.setdefault(one_line(clip.title), []).append(clip)

    def clip(self, key: str) -> Clip | None:
        """The clip with that key; None if there is none."""
        return self._clips.get(key)

    def targets(self, clip: str) -> tuple[str, ...]:
        """Domains X2 that some configuration predicts on that clip, in the order of `DOMAIN_ORDER`."""
        return self.in_order({_target(track) for track in self._of_kind(clip, "prediction")})

    def readouts(self, clip: str, target: str) -> tuple[str, ...]:
        """Domains X3 that some configuration reads out of its prediction of `target` on that clip, in the order of `DOMAIN_ORDER`."""
        ends = (track.head.path.split("-") for track in self._of_kind(clip, "readout"))
        return self.in_order({end[-1] for end in ends if end[-2] == target})

    def configurations(self, clip: str, target: str) -> tuple[Configuration, ...]:
        """Every configuration that ends in `target` on that clip: direct predictions first, then longer paths, cycles among them."""
        found = {
            Configuration(track.head.zoo, track.head.method, track.head.path)
            for kind in ("prediction", "readout")
            for track in self._of_kind(clip, kind)
            if _target(track) == target
        }
        return tuple(sorted(found, key=menu_order))

    def known(self, target: str) -> tuple[Configuration, ...]:
        """Every configuration of `target` on any clip or compared by an energy of it: what a job can compute."""
        found: set[Configuration] = set()
        for (_, kind, zoo, method, path), tracks in self._by_name.items():
            if path.rsplit("-", 1)[-1] != target:
                continue
            if kind in ("prediction", "readout"):
                found.add(Configuration(zoo, method, path))
            if kind == "energy":
                paths = tracks[0].head.constants.get("paths", ())
                own = (str(other) for other in paths if str(other).rsplit("-", 1)[-1] == target)  # others are borrowed
                found |= {Configuration(zoo, method, other) for other in own}
        return tuple(sorted(found, key=menu_order))

    def methods(self) -> tuple[str, ...]:
        """Every method of the store, the preferred ones first."""
        names = {method for _, _, _, method, _ in self._by_name if method}
        return tuple(sorted(names, key=lambda name: (method_rank(name), name)))

    def known_readouts(self, target: str) -> tuple[str, ...]:
        """Domains X3 that some method reads out of `target` on any clip or in an energy: what a job can compute."""
        paths = {path for _, kind, _, _, path in self._by_name if kind == "readout"}
        for (_, kind, *_), tracks in self._by_name.items():
            if kind == "energy":
                paths |= {str(path) for path in tracks[0].head.constants.get("paths", ())}
        domains = (path.split("-") for path in paths)
        ends = {
            found[2] for found in domains if len(found) == 3 and found[:2] == ["rgb", target] and found[2] != target
        }
        return self.in_order(ends)

    def find(
        self, clip: str, kind: str, path: str, *, zoo: str = "", method: str = "", like: Track | None = None
    ) -> Track | None:
        """The newest complete track of that name, else the newest growing one; None if there is none.

        `like` limits this to tracks computed with the same weights on every edge that both name: an energy must not
        appear beside a prediction by other weights.
        """
        tracks = self._by_name.get((clip, kind, zoo, method, path), [])
        if like is not None:
            tracks = [track for track in tracks if _has_same_weights(track, like)]
        complete = (track for track in tracks if track.is_complete)
        return next(complete, tracks[0] if tracks else None)

    def find_like(self, clip: str, kind: str, of: Track) -> Track | None:
        """The track of that kind for the configuration of another one, computed with the same weights."""
        head = of.head
        return self.find(clip, kind, head.path, zoo=head.zoo, method=head.method, like=of)

    def aligned(self, prediction: Track) -> Track | None:
        """The errors of that depth after alignment to the truth, which a track of its own holds."""
        found = self.find_like(prediction.head.clip.key, "aligned", prediction)
        own = (prediction.head.key, prediction.head.constants.get("errors_of"))
        return found if found and found.head.constants.get("of") in own else None

    def confidences_of(self, prediction: Track) -> tuple[Track, ...]:
        """What is stated or measured of that prediction's confidence, the newest of each measure: stated ones, geometric energies, disagreements."""
        found: dict[str, Track] = {}
        own = {prediction.head.key, prediction.head.constants.get("errors_of")}
        for track in self._of_kind(prediction.head.clip.key, "confidence"):
            of = track.head.constants.get("of")
            if isinstance(of, Sequence) and own.intersection(of):
                found.setdefault(str(track.head.constants.get("measure")), track)
        return tuple(found.values())

    def title(self, domain: str) -> str:
        """The title of a domain, from the records of the stored tracks; its name if they have none."""
        return self._titles.get(domain, domain)

    def in_order(self, domains: Iterable[str]) -> tuple[str, ...]:
        """Domains as every page lists them."""
        return tuple(sorted(set(domains), key=lambda domain: place_of(domain, self.title(domain))))

    def path_title(self, path: str) -> str:
        """`Image → Surface normals`; arrows are for the screen only."""
        return " → ".join(self.title(domain) for domain in path.split("-"))

    def clip_label(self, clip: Clip) -> str:
        """The clip's title on one line, made distinct by its size and key if two clips share it."""
        title = one_line(clip.title)
        if shift := shift_of(clip.sampling):
            return f"{title}, {shift.title}"
        if clip.sampling.get("is_tolerant"):
            return f"{title} (tolerant, {clip.key[:8]})"
        twins = self._twins.get(title, [])
        if len(twins) == 1:
            return title
        size = f"{clip.width}×{clip.height}, {counted(clip.n_frames, 'frame')}"
        same_size = [t for t in twins if (t.width, t.height, t.n_frames) == (clip.width, clip.height, clip.n_frames)]
        return f"{title} ({size})" if len(same_size) == 1 else f"{title} ({size}, {clip.key[:8]})"

    def configuration_label(self, configuration: Configuration, others: Iterable[Configuration]) -> str:
        """The method, with its zoo if `others` come from several, and the domains between image and target."""
        label = configuration.method
        if len({other.zoo for other in others}) > 1:
            label = f"{configuration.zoo}/{label}"
        if configuration.is_direct:
            return label
        return f"{label} via {' → '.join(self.title(domain) for domain in configuration.domains[1:-1])}"

    def prediction(self, clip: str, configuration: Configuration) -> Track | None:
        """The track that the configuration predicts on the clip; along a longer path that is a readout."""
        kind = "prediction" if configuration.is_direct else "readout"
        zoo, method = configuration.zoo, configuration.method
        return self.find(clip, kind, configuration.path, zoo=zoo, method=method)

    def _of_kind(self, clip: str, kind: str) -> list[Track]:
        return [track for track in self._by_clip.get(clip, ()) if track.head.kind == kind]

    def _clip_record(self, key: str) -> Clip:
        """The clip as its input track records it, whose frame count the others follow; else as its newest track does."""
        best = self.find(key, "input", "rgb") or self._by_clip[key][0]
        return best.head.clip


def _target(track: Track) -> str:
    return track.head.path.rsplit("-", 1)[-1]


def _has_same_weights(track: Track, other: Track) -> bool:
    """True if both name the same digest for every edge they share."""
    return all(other.head.edges.get(edge, digest) == digest for edge, digest in track.head.edges.items())
