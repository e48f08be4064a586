"""The catalogue of a store: its clips, targets, readouts and configurations, as the menus list them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial

from analysis.shifts import shift_of
from cache.clips.lines import Name, line_of
from cache.records import Clip, Track
from cache.store import Store
from dashboard.configuration import Configuration, menu_order, method_rank
from dashboard.shelf import LEAST_LETTERS, Shelf, shelf_of
from dashboard.text import counted, one_line
from dashboard.visitors.listed import hidden, unlisted

DOMAIN_ORDER = ("normal", "depth", "reshading", "curvature", "edge2d", "edge3d", "keypoint2d", "keypoint3d")
"""Every list of domains has these first, as the project page does; others follow by title."""
MAX_EXAMPLES = 16


def place_of(domain: str, title: str) -> tuple[int, str, str]:
    """What lists of domains are sorted by."""
    place = DOMAIN_ORDER.index(domain) if domain in DOMAIN_ORDER else len(DOMAIN_ORDER)
    return place, title.casefold(), domain


class Catalogue:
    """What a store holds, by clip and target. `tracks` come newest first, as `Store.tracks` returns them.

    `unlisted`: keys of clips that only links with the full key may name (see listed.py).
    """

    def __init__(self, tracks: Sequence[Track], unlisted: Collection[str] = ()) -> None:
        by_clip: dict[str, list[Track]] = {}
        for track in tracks:
            by_clip.setdefault(track.head.clip.key, []).append(track)
        lines = {key: line_of(found) for key, found in by_clip.items()}
        self._begin(Shelf(lines), lambda key: by_clip.get(key, []), unlisted)

    @classmethod
    def of(cls, shelf: Shelf, read: Callable[[str], Sequence[Track]], unlisted: Collection[str] = ()) -> Catalogue:
        """The catalogue of the clips on a shelf; `read` gives the tracks of one clip, newest first, once they are needed."""
        found = cls.__new__(cls)
        found._begin(shelf, read, unlisted)
        return found

    def _begin(self, shelf: Shelf, read: Callable[[str], Sequence[Track]], unlisted: Collection[str]) -> None:
        self.shelf, self.unlisted = shelf, unlisted
        self._read = read
        self._tracks: dict[str, Sequence[Track]] = {}
        self._by_name: dict[str, dict[tuple[str, str, str, str], list[Track]]] = {}

    @property
    def clips(self) -> tuple[Clip, ...]:
        """The clips of the menus."""
        return self.shelf.clips

    @property
    def shifted(self) -> tuple[Clip, ...]:
        """Clips under a shift, newest first: menus name them only while a link shows them."""
        return self.shelf.shifted

    def clip(self, key: str) -> Clip | None:
        """The clip with that key; None if there is none."""
        return self.shelf.by_key.get(key)

    def starting(self, start: str) -> list[Clip]:
        """The clips whose key begins so, in the order of the menus; none for fewer than LEAST_LETTERS letters."""
        return [clip for clip in self.shelf.by_start.get(start[:LEAST_LETTERS], ()) if clip.key.startswith(start)]

    def titled(self, title: str) -> list[Clip]:
        """The clips of the menus with that title."""
        return [clip for clip in self.shelf.twins.get(one_line(title), ()) if clip.title == title]

    def tracks(self, clip: str) -> Sequence[Track]:
        """The tracks of one clip, newest first."""
        if clip not in self._tracks:
            self._tracks[clip] = self._read(clip) if clip in self.shelf.lines else ()
        return self._tracks[clip]

    def is_growing(self, clip: str) -> bool:
        """Whether a job still writes a track of that clip."""
        return any(not track.is_complete for track in self.tracks(clip))

    def fingerprint(self, clip: str | None = None) -> tuple[object, ...]:
        """Equal as long as the store, or that clip, is the same."""
        if clip is None:
            return self.shelf.fingerprint
        return tuple((track.head.key, track.n_frames, track.is_complete) for track in self.tracks(clip))

    def examples(self) -> list[Track]:
        """The tracks of the newest finished clip of every combination of names, of MAX_EXAMPLES clips at most."""
        found: dict[tuple[Name, ...], str] = {}
        for key, line in self.shelf.lines.items():
            if line.is_complete and line.names not in found:
                found[line.names] = key
                if len(found) == MAX_EXAMPLES:
                    break
        return [track for key in found.values() for track in self.tracks(key)]

    def targets(self, clip: str) -> tuple[str, ...]:
        """Domains X2 that some configuration predicts on that clip, in the order of `DOMAIN_ORDER`."""
        return self.in_order({_target(name) for name in self._names(clip) if name.kind == "prediction"})

    def readouts(self, clip: str, target: str) -> tuple[str, ...]:
        """Domains X3 that some configuration reads out of its prediction of `target` on that clip, in the order of `DOMAIN_ORDER`."""
        ends = (name.path.split("-") for name in self._names(clip) if name.kind == "readout")
        return self.in_order({end[-1] for end in ends if end[-2] == target})

    def configurations(self, clip: str, target: str) -> tuple[Configuration, ...]:
        """Every configuration that ends in `target` on that clip: direct predictions first, then longer paths, cycles among them."""
        found = {
            Configuration(name.zoo, name.method, name.path)
            for name in self._names(clip)
            if name.kind in ("prediction", "readout") and _target(name) == target
        }
        return tuple(sorted(found, key=menu_order))

    def known(self, target: str) -> tuple[Configuration, ...]:
        """Every configuration of `target` on any clip or compared by an energy of it: what a job can compute."""
        found: set[Configuration] = set()
        for name in self.shelf.names:
            if _target(name) != target:
                continue
            if name.kind in ("prediction", "readout"):
                found.add(Configuration(name.zoo, name.method, name.path))
            own = (path for path in name.paths if path.rsplit("-", 1)[-1] == target)  # others are borrowed
            found |= {Configuration(name.zoo, name.method, path) for path in own}
        return tuple(sorted(found, key=menu_order))

    def methods(self) -> tuple[str, ...]:
        """Every method of the store, the preferred ones first."""
        names = {name.method for name in self.shelf.names if name.method}
        return tuple(sorted(names, key=lambda name: (method_rank(name), name)))

    def known_readouts(self, target: str) -> tuple[str, ...]:
        """Domains X3 that some method reads out of `target` on any clip or in an energy: what a job can compute."""
        names = self.shelf.names
        paths = {name.path for name in names if name.kind == "readout"}
        paths |= {path for name in names for path in name.paths}
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
        tracks = self._named(clip).get((kind, zoo, method, path), [])
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
        own = [key for key in (prediction.head.key, prediction.head.constants.get("errors_of")) if key]
        for track in self.tracks(prediction.head.clip.key):
            of = track.head.constants.get("of") if track.head.kind == "confidence" else None
            if isinstance(of, Sequence) and any(key in of for key in own):
                found.setdefault(str(track.head.constants.get("measure")), track)
        return tuple(found.values())

    def title(self, domain: str) -> str:
        """The title of a domain, from the records of the stored tracks; its name if they have none."""
        return self.shelf.titles.get(domain, domain)

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
        twins = self.shelf.twins.get(title, [])
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

    def _names(self, clip: str) -> tuple[Name, ...]:
        line = self.shelf.lines.get(clip)
        return line.names if line else ()

    def _named(self, clip: str) -> dict[tuple[str, str, str, str], list[Track]]:
        """Kind, zoo, method and path -> the clip's tracks of that name, newest first."""
        if clip not in self._by_name:
            found: dict[tuple[str, str, str, str], list[Track]] = {}
            for track in self.tracks(clip):
                head = track.head
                found.setdefault((head.kind, head.zoo, head.method, head.path), []).append(track)
            self._by_name[clip] = found
        return self._by_name[clip]


def catalogue_of(store: Store, link: Mapping[str, str], own: Collection[str] = ()) -> Catalogue:
    """What a visitor's page may name: the listed clips, the visitor's `own`, and the one whose full key is the link's `clip`."""
    listing, left_out = hidden(store, link, own)
    shelf = shelf_of(str(store.root), listing, left_out)
    return Catalogue.of(shelf, partial(store.listed_tracks, listing), unlisted(store))


def _target(name: Name) -> str:
    return name.path.rsplit("-", 1)[-1]


def _has_same_weights(track: Track, other: Track) -> bool:
    """True if both name the same digest for every edge they share."""
    return all(other.head.edges.get(edge, digest) == digest for edge, digest in track.head.edges.items())
