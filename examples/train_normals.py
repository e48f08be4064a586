"""Train a network for surface normals on a folder of pairs, with cross-task consistency.

    python examples/train_normals.py FOLDER [--steps 1000] [--size 128]

FOLDER/rgb and FOLDER/normal hold pictures of the same names. Normals are in the camera's frame (x right, y down, z forward), coded
(n + 1) / 2; unknown pixels are grey (128, 128, 128). Any network of your own takes the place of the one below.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from consistency import ConsistencyLoss
from consistency.models.small_unet import SmallUNet


class Pairs(Dataset[tuple[Tensor, Tensor]]):
    """Pictures and their normals, (3, size, size) each, in [0, 1]."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder, self.size = folder, size
        self.names = sorted(
            path.name for path in (folder / "rgb").iterdir() if (folder / "normal" / path.name).exists()
        )
        if not self.names:
            raise SystemExit(
                f"no pairs in {folder}: put pictures of the same names into {folder}/rgb and {folder}/normal"
            )

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, at: int) -> tuple[Tensor, Tensor]:
        return self.read("rgb", at, Image.Resampling.BILINEAR), self.read("normal", at, Image.Resampling.NEAREST)

    def read(self, domain: str, at: int, resampling: Image.Resampling) -> Tensor:
        picture = Image.open(self.folder / domain / self.names[at]).convert("RGB")
        codes = np.asarray(picture.resize((self.size, self.size), resampling), np.float32) / 255
        return torch.from_numpy(codes).permute(2, 0, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--size", type=int, default=128, help="a multiple of 32")
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network: nn.Module = SmallUNet(3, 3, widths=[16, 32, 48, 56, 64], norm="batch").to(device)
    loss = ConsistencyLoss("normal", zoo="lab", k=2).to(device)  # two of its eight readouts in each step
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    pairs, step = DataLoader(Pairs(options.folder, options.size), batch_size=4, shuffle=True), 0
    while step < options.steps:
        for image, truth in pairs:
            terms = loss(network(image.to(device)), truth.to(device))
            optimizer.zero_grad()
            terms.total.backward()
            optimizer.step()
            step += 1
            if step % 20 == 0 or step == options.steps:
                read = ", ".join(f"{name} {float(term):.3f}" for name, term in terms.readouts.items())
                print(f"step {step}: normals {float(terms.direct):.3f}; read from them: {read}", flush=True)
            if step == options.steps:
                break
    torch.save(network.state_dict(), options.folder / "normals.pt")


if __name__ == "__main__":
    main()
