"""Reads the furniture models: which there are, which split each belongs to, and their triangles.

The models are those of the Sweet Home 3D catalogues in Debian's `sweethome3d-furniture`: zip files of OBJ, MTL and JPG, with
sizes in centimetres. World: metres, y up.
"""

from __future__ import annotations

import hashlib
import os
import re
import zipfile
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import trimesh

Split = Literal["train", "validation", "test"]

CATALOGUES = ("BlendSwap-CC-0", "BlendSwap-CC-BY", "KatorLegaz", "Scopia")
PEOPLE_CATALOGUE = "Reallusion"  # CC-BY-3.0: used for training, never shipped
CC0_CATALOGUE = "BlendSwap-CC-0"
DEFAULT_CATALOGUE_FOLDER = Path("/usr/share/sweethome3d/furniture")
UNUSED_CATEGORIES = {"Vehicles", "Characters", "Staircases", "Doors and windows"}
OPAQUE_ENOUGH = 0.6  # materials with an MTL "d" of at most this are glass: a viewer sees the surface behind
MOST_TRIANGLES = 30_000  # per model; the few larger ones (lilies, lace) would dominate the size of a room
SMOOTH_COSINE = 0.82  # 35 degrees: corner normals further from the triangle's were smoothed over a hard edge
CENTIMETRE = 0.01


@dataclass(frozen=True)
class CatalogueEntry:
    """An entry of a catalogue: a model before it is loaded."""

    key: str
    """Catalogue and number, such as "Scopia#12"; decides the split."""
    name: str
    category: str
    creator: str
    size_metres: tuple[float, float, float]
    """Width (x), height (y) and depth (z) to which the catalogue scales the model."""
    elevation_metres: float | None
    """Height of its lower side above the floor if it hangs on a wall; None if it stands."""
    top_metres: float | None
    """Height above its lower side of the surface that can hold things; None if there is none."""
    rotation: np.ndarray
    """(3, 3) float, applied to the OBJ's vertices before scaling."""
    obj_path: Path

    @property
    def split(self) -> Split:
        return split_of(self.key)


@dataclass(frozen=True)
class Part:
    """T triangles of a model that share a material."""

    corners: np.ndarray
    """(T, 3, 3) float32, metres; the model stands on y = 0, centred on x = z = 0, its front toward +z."""
    normals: np.ndarray
    """(T, 3, 3) float32, unit vectors at the corners."""
    uvs: np.ndarray
    """(T, 3, 2) float32, in units of one texture repeat."""
    colour: tuple[float, float, float]
    """Diffuse colour, sRGB in [0, 1]."""
    image_path: Path | None
    """Texture that replaces the colour, or None."""


def split_of(key: str) -> Split:
    """Assign a tenth of all keys to validation, a fifth to test and the rest to training, by the key alone."""
    tenth = hashlib.sha256(key.encode()).digest()[0] % 10
    if tenth == 0:
        return "validation"
    return "test" if tenth <= 2 else "train"


class Furniture:
    """All catalogues, unpacked once into `folder`. Models are loaded on first use and cached."""

    def __init__(self, folder: Path, catalogue_folder: Path = DEFAULT_CATALOGUE_FOLDER):
        self.folder = folder
        unpack_catalogues(catalogue_folder, folder)
        self.entries = [entry for name in CATALOGUES for entry in read_catalogue(folder / name)]
        self.people = read_catalogue(folder / PEOPLE_CATALOGUE, leaving_out=set())
        self._parts: dict[str, list[Part]] = {}

    def of_split(self, split: Split, catalogue: str | None = None) -> list[CatalogueEntry]:
        """Entries of the split, of all catalogues or one."""
        return [
            e for e in self.entries if e.split == split and (catalogue is None or e.key.startswith(catalogue + "#"))
        ]

    def parts(self, entry: CatalogueEntry) -> list[Part]:
        """The parts of a model; an empty list where nothing of it is usable."""
        if entry.key not in self._parts:
            self._parts[entry.key] = load_parts(entry)
        return self._parts[entry.key]

    @cached_property
    def training_image_digests(self) -> set[str]:
        """SHA-256 of every texture that a training model uses: held-out rooms must not show them."""
        people = [person for person in self.people if person.split == "train"]
        folders = {entry.obj_path.parent for entry in [*self.of_split("train"), *people]}
        return {
            file_digest(path)
            for folder in folders
            for path in folder.iterdir()
            if path.suffix.lower() in (".jpg", ".jpeg", ".png")
        }


def unpack_catalogues(catalogue_folder: Path, folder: Path) -> None:
    """Unzip each catalogue that is not unpacked yet. A killed run leaves no partial catalogue."""
    for name in (*CATALOGUES, PEOPLE_CATALOGUE):
        if (folder / name).exists():
            continue
        archive = catalogue_folder / f"{name}.sh3f"
        if not archive.exists():
            raise FileNotFoundError(
                f"the furniture {archive} is missing; install it: apt-get install sweethome3d-furniture"
            )
        unfinished = folder / f".{name}.{os.getpid()}"
        with zipfile.ZipFile(archive) as file:
            file.extractall(unfinished)
        try:
            unfinished.rename(folder / name)
        except OSError:  # another process was first
            if not (folder / name).exists():
                raise


def read_catalogue(folder: Path, leaving_out: Collection[str] = UNUSED_CATEGORIES) -> list[CatalogueEntry]:
    """Parse `PluginFurnitureCatalog.properties`, except the categories `leaving_out`."""
    rows: dict[int, dict[str, str]] = {}
    for line in (folder / "PluginFurnitureCatalog.properties").read_text(encoding="latin-1").splitlines():
        if match := re.match(r"(\w+)#(\d+)=(.*)", line.strip()):
            rows.setdefault(int(match[2]), {})[match[1]] = match[3]
    entries = []
    for number, row in sorted(rows.items()):
        if row["category"] in leaving_out:
            continue
        width, height, depth = (float(row[key]) * CENTIMETRE for key in ("width", "height", "depth"))
        rotation = [float(value) for value in row.get("modelRotation", "1 0 0 0 1 0 0 0 1").split()]
        elevation, top = row.get("elevation"), row.get("dropOnTopElevation")
        entries.append(
            CatalogueEntry(
                key=f"{folder.name}#{number}",
                name=row["name"],
                category=row["category"],
                creator=row.get("creator", ""),
                size_metres=(width, height, depth),
                elevation_metres=float(elevation) * CENTIMETRE if elevation else None,
                top_metres=float(top) * CENTIMETRE if top and float(top) > 0 else None,
                rotation=np.array(rotation).reshape(3, 3),
                obj_path=folder / row["model"].lstrip("/"),
            )
        )
    return entries


def load_parts(entry: CatalogueEntry) -> list[Part]:
    """Load the OBJ, rotate it, scale it to the catalogue's size and drop glass."""
    scene = trimesh.load(entry.obj_path, process=False, group_material=True)
    geometries = scene.geometry.values() if isinstance(scene, trimesh.Scene) else [scene]
    meshes = [mesh for mesh in geometries if isinstance(mesh, trimesh.Trimesh) and len(mesh.faces)]
    if not meshes or sum(len(mesh.faces) for mesh in meshes) > MOST_TRIANGLES:
        return []
    rotated = [np.asarray(mesh.vertices) @ entry.rotation.T for mesh in meshes]
    low = np.min([vertices.min(axis=0) for vertices in rotated], axis=0)
    high = np.max([vertices.max(axis=0) for vertices in rotated], axis=0)
    extent = np.maximum(high - low, 1e-6)
    scale = np.array(entry.size_metres) / extent
    middle = (low + high) / 2
    images = texture_paths(entry.obj_path)
    parts = []
    for mesh, vertices in zip(meshes, rotated, strict=True):
        material = getattr(mesh.visual, "material", None)
        if material is None or opacity(material) <= OPAQUE_ENOUGH:
            continue
        corners = ((vertices - [middle[0], low[1], middle[2]]) * scale)[mesh.faces].astype(np.float32)
        edges = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        area = np.linalg.norm(edges, axis=1, keepdims=True)
        is_solid = area[:, 0] > 1e-10  # m²: a triangle without area has no normal
        if not is_solid.any():
            continue
        flat = (edges / np.maximum(area, 1e-12))[:, None]  # (T, 1, 3)
        normals = corner_normals(mesh, entry.rotation, scale, flat)
        uv = getattr(mesh.visual, "uv", None)
        uvs = np.zeros((len(mesh.faces), 3, 2)) if uv is None else np.nan_to_num(np.asarray(uv))[mesh.faces]
        path = None if uv is None else images.get(str(getattr(material, "name", "")))
        red, green, blue = (float(value) / 255 for value in np.asarray(material.diffuse)[:3])
        parts.append(
            Part(
                corners[is_solid],
                normals[is_solid].astype(np.float32),
                uvs[is_solid].astype(np.float32),
                (red, green, blue),
                path,
            )
        )
    return parts


def corner_normals(mesh: trimesh.Trimesh, rotation: np.ndarray, scale: np.ndarray, flat: np.ndarray) -> np.ndarray:
    """The smooth normals of the OBJ where it has any, else flat ones: flat (T, 1, 3) -> (T, 3, 3).

    Normals that trimesh averages itself bend whole cupboard doors, because it averages over every bevel.
    """
    if "vertex_normals" not in mesh._cache:
        return np.repeat(flat, 3, axis=1)
    normals = unit(np.asarray(mesh.vertex_normals) @ rotation.T / scale)[mesh.faces]  # inverse transpose of the scaling
    return np.where((normals * flat).sum(axis=2, keepdims=True) > SMOOTH_COSINE, normals, flat)


def texture_paths(obj_path: Path) -> dict[str, Path]:
    """Material name -> its diffuse texture, from the MTL files beside the OBJ. trimesh keeps the pixels but not the path."""
    paths, material = {}, ""
    for mtl in sorted(obj_path.parent.glob("*.[mM][tT][lL]")):
        for line in mtl.read_text(encoding="latin-1").splitlines():
            words = line.split(maxsplit=1)
            if len(words) == 2 and words[0] == "newmtl":
                material = words[1].strip()
            elif len(words) == 2 and words[0] == "map_Kd":
                path = mtl.parent / words[1].strip().replace("\\", "/")
                if path.exists():
                    paths[material] = path
    return paths


def opacity(material: object) -> float:
    """MTL "d" of a trimesh material, from 0 to 1; 1 where it has none."""
    value = getattr(material, "kwargs", {}).get("d", 1.0)
    return float(value[0] if isinstance(value, (list, tuple)) else value)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Scale vectors to length 1 along the last axis; zero stays zero."""
    length = np.sqrt(np.einsum("...c,...c->...", vectors, vectors))[..., None]
    return vectors / np.maximum(length, 1e-12)


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
