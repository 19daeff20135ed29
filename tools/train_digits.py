"""Train the digits CNN and write its weights and test images under models/digits.

Run it only to make new weights: the fixtures are compiled from the committed
``weights.npz``, so ``tools/build_models.py`` needs no torch. A person who runs
it needs ``pip install -r tools/train-requirements.txt``.

The network sees 8x8 grey images of scikit-learn's digits, pixel values 0 to 16
divided by 16: conv+BN+relu, conv+BN+relu, maxpool, conv+BN+relu, maxpool,
dense, softmax.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

# One of six seeds tried, the one that gets every test image right: these images are
# a check that a runtime computes what torch computes, no measure of accuracy.
SEED = 2
EPOCHS = 40
BATCH = 64
PIXEL_MAX = 16.0
DIGITS = Path(__file__).resolve().parent.parent / "models" / "digits"


class DigitsNet(nn.Module):
    """The digits CNN, (n, 1, 8, 8) float32 to (n, 10) logits, 15,498 parameters."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(32)
        self.conv3 = nn.Conv2d(32, 32, 3, padding=1)
        self.bn3 = nn.BatchNorm2d(32)
        self.dense = nn.Linear(128, 10)

    def forward(self, x):
        """Compute the logits."""
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.relu(self.bn2(self.conv2(x)))
        x = torch.max_pool2d(x, 2)
        x = torch.relu(self.bn3(self.conv3(x)))
        x = torch.max_pool2d(x, 2)
        return self.dense(x.flatten(1))


def split_digits():
    """Split scikit-learn's digits, stratified by label.

    Returns
    -------
    train_images, test_images : numpy.ndarray
        uint8, (1437, 8, 8) and (360, 8, 8), values 0 to 16.
    train_labels, test_labels : numpy.ndarray
        uint8, (1437,) and (360,).
    """
    digits = load_digits()
    return train_test_split(
        digits.images.astype("uint8"),
        digits.target.astype("uint8"),
        test_size=360,
        random_state=SEED,
        stratify=digits.target,
    )


def as_input(images):
    """Turn uint8 images (n, 8, 8) into the network's input (n, 1, 8, 8) float32."""
    return torch.from_numpy(images.astype("float32") / PIXEL_MAX)[:, None]


def shifted(batch):
    """Move every image of a batch by up to one pixel, the border filled with 0."""
    padded = nn.functional.pad(batch, (1, 1, 1, 1))
    rows, cols = torch.randint(0, 3, (2, len(batch))).tolist()
    return torch.stack([p[:, r : r + 8, c : c + 8] for p, r, c in zip(padded, rows, cols)])


def train(images, labels):
    """Train a DigitsNet on uint8 images and labels; prints a line every ten epochs."""
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    net = DigitsNet()
    x, y = as_input(images), torch.from_numpy(labels.astype("int64"))
    steps = EPOCHS * -(-len(x) // BATCH)
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=1e-2, total_steps=steps)
    for epoch in range(1, EPOCHS + 1):
        total = 0.0
        for rows in torch.randperm(len(x)).split(BATCH):
            loss = nn.functional.cross_entropy(net(shifted(x[rows])), y[rows], label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item() * len(rows)
        if epoch % 10 == 0:
            print(f"epoch {epoch:3d}/{EPOCHS}  loss {total / len(x):.4f}", flush=True)
    return net.eval()


def main():
    """Train, insist on 360 right out of 360, and write the two .npz files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=DIGITS, help="folder to write to")
    out = parser.parse_args().out

    train_images, test_images, train_labels, test_labels = split_digits()
    net = train(train_images, train_labels)
    with torch.no_grad():
        probabilities = torch.softmax(net(as_input(test_images)), dim=1).numpy()
    right = int((probabilities.argmax(axis=1) == test_labels).sum())
    count = sum(p.numel() for p in net.parameters())
    print(f"{count} parameters, {right}/{len(test_labels)} test images right")
    if right != len(test_labels):
        raise SystemExit("not every test image is right: nothing was written")

    weights = {
        name: value.numpy()
        for name, value in net.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    out.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(out / "weights.npz", **weights)
    np.savez_compressed(
        out / "test_images.npz",
        images=test_images,
        labels=test_labels,
        probabilities=probabilities,
    )


if __name__ == "__main__":
    main()
