"""Makes a film from stored tracks: draws its pictures, and codes them as H.264 in MP4."""

from __future__ import annotations

import secrets
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from analysis.codes import stored_codes
from cache.records import Track
from cache.store import Store
from precompute.films.camera_path import Extent, autozoom, samples_of
from precompute.films.rendering import Drawn, draw
from precompute.films.shot import GAP_PX, NoFilm, Shot
from precompute.films.surface import DepthScale, Mesh, meshes_of
from precompute.jobs.output.encode import decode_image

CRF = 16
"""Quality of H.264: next to no visible loss, as films are looked at closely."""


def pictures(store: Store, shot: Shot) -> Iterator[np.ndarray]:
    """The frames of the film, RGB uint8 (H, W, 3). Raises NoFilm where a first frame has no known depth."""
    clip = shot.inputs.head.clip
    extent = Extent.of(clip.width, clip.height, shot.field_of_view_degrees)
    scales = [DepthScale.of(track.head.domain) for track in shot.depths]
    focus = _focus(store, shot.depths[0], scales[0], shot)
    path = shot.path
    if path.kind == "auto":
        first = _depth(store, shot.depths[0], scales[0], shot.first_frame)
        path = replace(path, end=autozoom(samples_of(first, focus), extent, path.depth)[0])
    height, width = shot.size_px
    shown, meshes = -1, []
    for frame in range(shot.n_frames):
        at = shot.clip_frame(frame)
        if at != shown:
            meshes = [
                _meshes(store, shot, depth, scale, extent, at) for depth, scale in zip(shot.depths, scales, strict=True)
            ]
            shown = at
        camera = path.camera(path.time_of(frame, shot.n_frames), extent)
        drawn = [draw(one, camera, extent, focus, height, width) for one in meshes]
        yield _beside(drawn)


def write_film(path: Path, frames: Iterable[np.ndarray], fps: float) -> Generator[int]:
    """Writes RGB frames as H.264 in MP4 and gives the number of those written so far. The file appears when all are; where
    the caller stops before, or a frame fails, nothing does."""
    unfinished = path.with_name(f".{path.name[:32]}.{secrets.token_hex(8)}.unfinished")
    try:
        with av.open(str(unfinished), "w", format="mp4", options={"movflags": "+faststart"}) as container:
            stream = None
            for number, rgb in enumerate(frames):
                if stream is None:
                    stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
                    stream.height, stream.width, stream.pix_fmt = *rgb.shape[:2], "yuv420p"
                    stream.options = {"crf": str(CRF), "preset": "medium"}
                    # BT.709 throughout: what is not stated, players guess by the size.
                    context = stream.codec_context
                    context.colorspace = context.color_primaries = context.color_trc = 1
                    context.color_range = 1
                picture = av.VideoFrame.from_ndarray(rgb, format="rgb24")
                picture = picture.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
                picture.pts, picture.time_base = number, 1 / Fraction(fps).limit_denominator(1001)
                container.mux(stream.encode(picture))
                yield number + 1
            if stream is None:
                raise NoFilm("a film needs at least one frame")
            container.mux(stream.encode(None))
        unfinished.replace(path)
    finally:
        with suppress(FileNotFoundError):
            unfinished.unlink()


def _focus(store: Store, track: Track, scale: DepthScale, shot: Shot) -> float:
    if shot.focus is not None:
        return shot.focus
    depth = _depth(store, track, scale, shot.first_frame)
    if not np.isfinite(depth).any():
        raise NoFilm(f"no pixel of frame {shot.first_frame} has a known depth in {track.head.label}")
    # As the page has it: the depth of a stored code, not the mean of two.
    return float(np.nanquantile(depth, 0.5, method="inverted_cdf"))


def _depth(store: Store, track: Track, scale: DepthScale, frame: int) -> np.ndarray:
    return scale.depth(scale.floats(_codes(store, track, frame)))


def _codes(store: Store, track: Track, frame: int) -> np.ndarray:
    """(H, W), 0 to 255; of 16 bits with fractions."""
    return stored_codes(decode_image(store.image(track, frame)), track.head.domain)


def _meshes(store: Store, shot: Shot, track: Track, scale: DepthScale, extent: Extent, frame: int) -> tuple[Mesh, ...]:
    rgb = decode_image(store.image(shot.inputs, frame))
    return meshes_of(_codes(store, track, frame), rgb, scale, extent)


def _beside(drawn: Sequence[Drawn]) -> np.ndarray:
    gap = np.zeros((drawn[0].rgb.shape[0], GAP_PX, 3), np.uint8)
    parts = [part for one in drawn for part in (gap, one.rgb)][1:]
    return np.concatenate(parts, axis=1)
