"""The same training as train_normals.py, with Lightning: the loss is a module of the task.

    pip install lightning
    python examples/train_normals_lightning.py FOLDER [--steps 1000] [--size 128]

FOLDER is that of train_normals.py.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import lightning
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from train_normals import Pairs

from consistency import ConsistencyLoss
from consistency.models.small_unet import SmallUNet


class NormalsTask(lightning.LightningModule):
    """Trains any network from images to normals, both (N, 3, H, W) codes in [0, 1]."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        # Frozen networks and the state of the balance: Lightning moves them to the device and stores them in checkpoints.
        self.loss = ConsistencyLoss("normal", zoo="lab", k=2)

    def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        image, truth = batch
        terms = self.loss(self.network(image), truth)
        self.log("direct", terms.direct, prog_bar=True)
        self.log_dict({f"read as {name}": value for name, value in terms.readouts.items()})
        return terms.total

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.network.parameters(), lr=1e-3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--size", type=int, default=128, help="a multiple of 32")
    options = parser.parse_args()
    task = NormalsTask(SmallUNet(3, 3, widths=[16, 32, 48, 56, 64], norm="batch"))
    pairs = DataLoader(Pairs(options.folder, options.size), batch_size=4, shuffle=True)
    trainer = lightning.Trainer(
        max_steps=options.steps, default_root_dir=options.folder, log_every_n_steps=20, enable_checkpointing=False
    )
    trainer.fit(task, pairs)
    print(f"normals {float(trainer.callback_metrics['direct']):.3f}")
    torch.save(task.network.state_dict(), options.folder / "normals.pt")


if __name__ == "__main__":
    main()
