"""Every kind of artefact that TVM makes of the digits model, through load_model on the runtime that is chosen.

    python tests/artefact_table.py FOLDER    prints, as JSON, how many of 360 images each gets right, or why it cannot

An answer is right if it is the label, and all ten probabilities are torch's to 1e-5. FOLDER is for what is compiled.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

import tvmbind as tvm

ROOT = Path(__file__).resolve().parent.parent
DIGITS = ROOT / "models" / "digits"
MODERN = ROOT / "models" / "modern" / "digits"

#: Kind -> its files, and the fact of tvmbind.facts that a runtime needs for it.
CLASSIC = {
    "split": ([DIGITS / name for name in ("libdeploy.so", "deploy.json", "deploy.params")], "graph executor"),
    "TVMC's package": ([DIGITS / "tvmc.tar"], "graph executor"),
    "split, portable C": ([DIGITS / "c" / name for name in ("deploy.json", "deploy.params")], "graph executor"),
    "graph factory": ([DIGITS / "factory.so"], "graph factory"),
    "AOT": ([DIGITS / "aot.so"], "AOT executor"),
    "Relay VM": ([DIGITS / "relay_vm.so"], "Relay VM"),
    "Relax VM": ([DIGITS / "relax_vm.so"], "Relax VM"),
}
TVM_FFI = {
    "Relax VM": ([MODERN / "relax_vm.so"], "Relax VM"),
    "Relax VM, any number of images": ([MODERN / "relax_vm_batch.so"], "Relax VM"),
}


def kinds():
    """What there is for the generation of the runtime here."""
    return CLASSIC if tvm.runtime_info().abi == "classic" else TVM_FFI


def answers(files):
    """How many images a model gets right."""
    file = np.load(DIGITS / "test_images.npz")
    images = (file["images"].reshape(-1, 1, 1, 8, 8) / 16).astype("float32")
    with tvm.load_model(*files) as model, model.clone() as clone:
        found = np.concatenate([(model, clone)[at % 2].run(image)[0].numpy() for at, image in enumerate(images)])
        if model.inputs[0].shape[0] not in (1, "?"):  # the whole set at once
            np.testing.assert_allclose(model.run(images[:, 0])[0].numpy(), found, atol=1e-6)
    right = np.isclose(found, file["probabilities"], atol=1e-5).all(1) & (found.argmax(1) == file["labels"])
    return int(right.sum())


def compiled(folder):
    """The portable C as a library."""
    command = ["gcc", "-O2", "-shared", "-fPIC", "-I", ROOT / "models" / "shim", DIGITS / "c" / "deploy.c"]
    subprocess.run([*command, "-o", folder / "c.so", "-lm"], check=True)
    return folder / "c.so"


def table(folder):
    """What each kind gives here: a number, or the error's text."""
    found = {}
    for kind, (files, _) in kinds().items():
        if "portable C" in kind:
            if not shutil.which("gcc"):
                continue
            files = [compiled(folder), *files]
        try:
            found[kind] = answers(files)
        except tvm.TVMError as error:
            found[kind] = str(error)
    return found


if __name__ == "__main__":
    print(json.dumps(table(Path(sys.argv[1]))))
