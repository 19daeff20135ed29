"""load_model on folders and archives: TVMC's package, Model Library Format, and archives that mean harm."""

from __future__ import annotations

import gc
import gzip
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

import tvmbind as tvm
from runtime_here import INFO, ROOT

pytestmark = pytest.mark.needs("libtvm_runtime")
on_classic = pytest.mark.needs("graph executor")

# Of this generation: the smallest set of files that is a model of the digits.
FILES = ["libdeploy.so", "deploy.json", "deploy.params"] if INFO.abi == "classic" else ["relax_vm.so"]


@pytest.fixture
def contents(models):
    return {name: (models / "digits" / name).read_bytes() for name in FILES}


@pytest.fixture(scope="module")
def images():
    file = np.load(ROOT / "models" / "digits" / "test_images.npz")
    return (file["images"].reshape(-1, 1, 1, 8, 8) / 16).astype("float32"), file["probabilities"]


@pytest.fixture(autouse=True)
def leaves_no_folders(tmp_path_factory, monkeypatch):
    """What is unpacked goes with the model, or with the error."""
    place = tmp_path_factory.mktemp("unpacked")
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    yield
    gc.collect()
    assert list(place.iterdir()) == []


def write_tar(path, contents, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, data in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def write_zip(path, contents, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    return path


def check(model, images):
    for index in (0, 7, 100):
        (found,) = model.run(images[0][index])
        np.testing.assert_allclose(found.numpy()[0], images[1][index], atol=1e-5)


# ------------------------------------------------------------------------------------------------ what is read


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz", "zip", "stored zip"])
def test_archives(contents, images, tmp_path, mode):
    path = tmp_path / "model.anything"
    if mode in ("zip", "stored zip"):
        write_zip(path, contents, zipfile.ZIP_STORED if mode == "stored zip" else zipfile.ZIP_DEFLATED)
    else:
        write_tar(path, contents, mode)
    model = tvm.load_model(path)
    check(model, images)
    clone = model.clone()
    model.close()
    del model
    check(clone, images)
    check(clone.clone(), images)


@pytest.mark.parametrize("prefix", ["./", "model/", "a/b/c/"])
def test_folders_in_archives(contents, images, tmp_path, prefix):
    inside = {prefix + name: data for name, data in contents.items()}
    check(tvm.load_model(write_tar(tmp_path / "a.tar", inside)), images)
    check(tvm.load_model(write_zip(tmp_path / "a.zip", inside)), images)


def test_a_folder_in_a_folder(contents, images, tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name, data in contents.items():
        (tmp_path / "a" / "b" / name).write_bytes(data)
    check(tvm.load_model(tmp_path), images)


@on_classic
def test_an_archive_and_files(contents, images, tmp_path):
    weights = tmp_path / "w"
    weights.write_bytes(contents.pop("deploy.params"))
    check(tvm.load_model(weights, write_tar(tmp_path / "a.tar", contents)), images)


@on_classic
def test_tvmc_s_package(models, images):
    model = tvm.load_model(models / "digits" / "tvmc.tar")
    assert list(map(str, model.inputs)) == ["input: float32[1, 1, 8, 8]"]
    check(model, images)


@pytest.fixture
def library_format(models, tmp_path):
    with tarfile.open(models / "digits" / "mlf.tar") as archive:
        for info in archive:
            (tmp_path / info.name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / info.name).write_bytes(archive.extractfile(info).read())
    return tmp_path


@on_classic
def test_model_library_format_of_sources(models, library_format):
    for path in (models / "digits" / "mlf.tar", library_format):
        with pytest.raises(tvm.TVMValueError, match=r"sources only, codegen/host/src/default_lib0\.c.*gcc -shared"):
            tvm.load_model(path)


@on_classic
@pytest.mark.skipif(not shutil.which("gcc"), reason="compiles C")
def test_model_library_format_with_a_library(library_format, images, tmp_path):
    host = library_format / "codegen" / "host"
    (host / "lib").mkdir()
    command = ["gcc", "-O2", "-shared", "-fPIC", "-I", ROOT / "models" / "shim"]
    subprocess.run([*command, host / "src" / "default_lib1.c", "-o", host / "lib" / "digits.so", "-lm"], check=True)
    check(tvm.load_model(library_format), images)
    files = {p.relative_to(tmp_path).as_posix(): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    check(tvm.load_model(write_tar(tmp_path / "mlf.tar", files)), images)


# --------------------------------------------------------------------------------------------- what is refused


@on_classic
def test_incomplete_archives_say_what_is_there(contents, tmp_path):
    del contents["deploy.json"]
    with pytest.raises(tvm.TVMValueError, match=r"graph \(\.json\) is missing"):
        tvm.load_model(write_tar(tmp_path / "a.tar", contents))
    del contents["libdeploy.so"]
    with pytest.raises(tvm.TVMValueError, match=r"library \(\.so\) is missing, and the graph .*deploy\.params"):
        tvm.load_model(write_tar(tmp_path / "a.tar", contents))


def test_an_object_file_is_no_library(contents, tmp_path):
    name = FILES[0]
    data = bytearray(contents[name])
    data[16:18] = b"\1\0"  # ET_REL
    with pytest.raises(tvm.TVMValueError, match=r"object files only, lib0\.o.*gcc -shared"):
        tvm.load_model(write_tar(tmp_path / "a.tar", {**contents, name: b"x", "lib0.o": bytes(data)}))


def test_archives_of_other_things(tmp_path):
    with pytest.raises(tvm.TVMValueError, match=r"holds no library.*only a\.txt, b\.json"):
        tvm.load_model(write_zip(tmp_path / "a.zip", {"a.txt": b"a", "b.json": b"{}"}))
    with pytest.raises(tvm.TVMValueError, match="no files"):
        tvm.load_model(write_zip(tmp_path / "b.zip", {}))


def link(kind, target):
    info = tarfile.TarInfo("link")
    info.type, info.linkname = kind, target
    return info


HOSTILE = {
    "up": lambda: tarfile.TarInfo("../out"),
    "up from a folder": lambda: tarfile.TarInfo("a/../../out"),
    "up, Windows' way": lambda: tarfile.TarInfo("..\\out"),
    "absolute": lambda: tarfile.TarInfo("/tmp/tvmbind-out"),
    "a symbolic link": lambda: link(tarfile.SYMTYPE, "/etc/passwd"),
    "a symbolic link to a folder": lambda: link(tarfile.SYMTYPE, ".."),
    "a hard link": lambda: link(tarfile.LNKTYPE, "/etc/passwd"),
    "a device": lambda: link(tarfile.CHRTYPE, ""),
    "a pipe": lambda: link(tarfile.FIFOTYPE, ""),
    "nameless": lambda: tarfile.TarInfo("."),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_members(contents, tmp_path, case):
    path = tmp_path / "deep" / "a.tar"
    path.parent.mkdir()
    with tarfile.open(write_tar(path, contents), "a") as archive:
        archive.addfile(HOSTILE[case]())
    with pytest.raises(tvm.TVMValueError, match=r"cannot unpack .*(leave its folder|no plain file)"):
        tvm.load_model(path)
    assert [each.name for each in tmp_path.iterdir()] == ["deep"]


@pytest.mark.parametrize("name", ["../out", "/tmp/tvmbind-out", "a/../../out", "..\\out"])
def test_hostile_names_in_zips(contents, tmp_path, name):
    with pytest.raises(tvm.TVMValueError, match="leave its folder"):
        tvm.load_model(write_zip(tmp_path / "a.zip", {**contents, name: b"x"}))
    assert not Path("/tmp/tvmbind-out").exists()


def test_links_in_zips(contents, tmp_path):
    info = zipfile.ZipInfo("link")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(write_zip(tmp_path / "a.zip", contents), "a") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(tvm.TVMValueError, match="no plain file"):
        tvm.load_model(tmp_path / "a.zip")


def test_a_name_twice(contents, tmp_path):
    path = write_tar(tmp_path / "a.tar", contents)
    with tarfile.open(path, "a") as archive:
        archive.addfile(tarfile.TarInfo(FILES[0]))
    with pytest.raises(tvm.TVMValueError, match="in it twice"):
        tvm.load_model(path)


def zeros_of(size, header=b""):
    """A gzip of a tar's header and very many zeros."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9) as out:
        out.write(header)
        for _ in range(size >> 20):
            out.write(bytes(1 << 20))
    return packed.getvalue()


def test_bombs(tmp_path):
    """Of half a megabyte and less, which would fill disk or memory: refused without unpacking much."""
    plain = tarfile.TarInfo("model.so")
    plain.size = 512 << 20
    attributes = tarfile.TarInfo("././@PaxHeader")
    attributes.type, attributes.size = tarfile.XHDTYPE, 512 << 20
    for info in (plain, attributes):
        (tmp_path / "bomb").write_bytes(zeros_of(8 << 20, info.tobuf()))
        with pytest.raises(tvm.TVMValueError, match=r"fill the disk|than a tar has"):
            tvm.load_model(tmp_path / "bomb")
    path = write_zip(tmp_path / "bomb.zip", {"model.so": bytes(80 << 20)})
    assert path.stat().st_size < 1 << 20
    with pytest.raises(tvm.TVMValueError, match="fill the disk"):
        tvm.load_model(path)
    path = write_tar(tmp_path / "many.tar.gz", {str(index): b"" for index in range(5000)}, "w:gz")
    with pytest.raises(tvm.TVMValueError, match="fill the disk"):
        tvm.load_model(path)


@pytest.mark.parametrize("size", [-1, -512, 2**60])
def test_sizes_that_cannot_be(contents, tmp_path, size):
    info = tarfile.TarInfo("model.so")
    info.size = size
    with tarfile.open(write_tar(tmp_path / "a.tar", contents), "a") as archive:
        archive.fileobj.write(info.tobuf(tarfile.GNU_FORMAT))  # addfile, from CPython 3.13 on, wants the contents too
        archive.offset += 512
    with pytest.raises(tvm.TVMValueError):
        tvm.load_model(tmp_path / "a.tar")


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz", "zip"])
def test_truncated_archives(contents, images, tmp_path, mode):
    path = tmp_path / "whole"
    data = (write_zip(path, contents) if mode == "zip" else write_tar(path, contents, mode)).read_bytes()
    for length in (1, 100, 600, len(data) // 3, len(data) // 2, len(data) - 1000 if mode == "w" else len(data) - 30):
        (tmp_path / "cut").write_bytes(data[:length])
        try:
            model = tvm.load_model(tmp_path / "cut")
        except (tvm.TVMValueError, tvm.TVMOSError):
            continue
        check(model, images)  # zeros were cut off a tar's end


def test_a_child_of_fork_leaves_the_files(run_python, contents, tmp_path):
    if not hasattr(os, "fork"):
        pytest.skip("there is no fork here")
    path = write_tar(tmp_path / "a.tar", contents)
    done = run_python(
        f"""
import os, sys, tvmbind as tvm
model = tvm.load_model({str(path)!r})
folder = model._make._keep[0].folder
pid = os.fork()
if not pid:
    sys.exit(0)
os.waitpid(pid, 0)
print(len(os.listdir(folder)))
"""
    )
    assert done.stdout.split() == [str(len(contents))]
