"""Folders of images: what is read, in which order, and what is refused."""

import os
import struct
import sys
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from surfeit.core import DataError, Streams
from surfeit.data import from_folder

COLOURS = Streams(0).get("colours")


def write(path, size=(4, 5), mode="RGB", **options):
    """An image of chance; (height, width)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (*size, {"RGB": 3, "RGBA": 4, "LA": 2}.get(mode, 1))
    values = torch.randint(256, shape, generator=COLOURS).to(torch.uint8).numpy()
    array = values[..., 0] if shape[-1] == 1 else values
    image = Image.fromarray(array).convert(mode)
    image.save(path, **options)
    return np.asarray(image)


@pytest.fixture
def divided(tmp_path):
    """Two classes in three folders; the pixels of the training images in their order."""
    root, pixels = tmp_path / "pets", []
    for split, count in (("train", 3), ("validation", 1), ("test", 2)):
        for name in ("cat", "dog"):
            for number in range(count):
                image = write(root / split / name / f"{number}.png")
                pixels += [image] if split == "train" else []
    return root, np.stack(pixels)


@pytest.fixture
def flat(tmp_path):
    root = tmp_path / "pets"
    for name, count in (("dog", 20), ("cat", 11)):
        for number in range(count):
            write(root / name / f"{number:02}.png")
    return root


def test_divided_folders_become_the_splits_in_the_order_of_their_names(divided):
    root, pixels = divided
    dataset = from_folder(root)
    assert repr(dataset) == "Dataset(pets, 6/2/4 images of 3x4x5, 2 classes)"
    assert dataset.class_names == ("cat", "dog")
    assert dataset.train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    mean, std = (torch.tensor(of)[:, None, None] for of in (dataset.mean, dataset.std))
    raw = ((dataset.train.images * std + mean) * 255).round().to(torch.uint8)
    assert torch.equal(raw, torch.from_numpy(pixels).permute(0, 3, 1, 2))


def test_images_are_normalised_by_the_training_images_own_constants(divided):
    root, pixels = divided
    dataset = from_folder(root)
    scaled = pixels / 255
    assert dataset.mean == pytest.approx(scaled.mean((0, 1, 2)), abs=5.1e-5)
    assert dataset.std == pytest.approx(scaled.std((0, 1, 2)), abs=5.1e-5)


def test_a_channel_without_variation_is_only_centred(tmp_path):
    for split in ("train", "validation", "test"):
        (tmp_path / split / "a").mkdir(parents=True)
        Image.new("L", (3, 3), 51).save(tmp_path / split / "a" / "1.png")
    dataset = from_folder(tmp_path, channels=1)
    assert (dataset.mean, dataset.std) == ((0.2,), (1.0,))


def test_fractions_of_each_class_are_drawn_for_what_is_missing(flat):
    dataset = from_folder(flat, validation=0.2, test=0.25)
    # Of 11 cats 2, of 20 dogs 5 for test; of the remaining 9 and 15 then 1 and 3.
    counts = {name: split.labels.bincount().tolist() for name, split in dataset.splits.items()}
    assert counts == {"train": [8, 12], "validation": [1, 3], "test": [2, 5]}
    rows = torch.cat([split.images for split in dataset.splits.values()]).flatten(1)
    assert len(rows.unique(dim=0)) == 31
    assert dataset.fingerprint == from_folder(flat, validation=0.2, test=0.25).fingerprint
    assert dataset.fingerprint != from_folder(flat, name="b", validation=0.2, test=0.25).fingerprint


def test_a_folder_of_test_images_stays_whole_when_validation_is_drawn(divided):
    root, _ = divided
    for path in sorted((root / "validation").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    (root / "validation").rmdir()
    dataset = from_folder(root)
    assert [len(split) for split in dataset.splits.values()] == [4, 2, 4]


def test_fingerprint_is_of_pixels_not_of_names_and_places(divided, tmp_path):
    root, _ = divided
    first = from_folder(root, name="pets")
    (root / "train" / "cat" / "0.png").rename(root / "train" / "cat" / "00.png")
    root.rename(tmp_path / "moved")
    assert from_folder(tmp_path / "moved").fingerprint == first.fingerprint


def test_grey_images_have_one_channel_and_sizes_are_made_alike(flat):
    write(flat / "cat" / "wide.jpg", (7, 20), "L")
    dataset = from_folder(flat, channels=1, size=(6, 8))
    assert dataset.input_shape == (1, 6, 8)
    # What a linear interpolation makes of the one row of values stays within them.
    assert float(dataset.train.images.min()) >= float(dataset.black) - 1e-6


@pytest.mark.parametrize("mode", ["L", "RGBA", "LA", "P", "1"])
def test_modes_of_eight_bits_are_converted(flat, mode):
    write(flat / "cat" / "other.png", mode=mode)
    for channels in (1, 3):
        assert from_folder(flat, channels=channels).input_shape == (channels, 4, 5)


def test_hidden_files_and_litter_are_left_out(flat):
    before = from_folder(flat).fingerprint
    (flat / ".cache").mkdir()
    (flat / "README.txt").write_text("pets")
    (flat / "cat" / ".DS_Store").write_bytes(b"1")
    (flat / "cat" / "Thumbs.db").write_bytes(b"1")
    assert from_folder(flat).fingerprint == before


def test_progress_counts_the_images_of_each_split(divided):
    told = []
    from_folder(divided[0], progress=lambda *values: told.append(values))
    sizes = {"train": 6, "validation": 2, "test": 4}
    assert told == [(name, done, count) for name, count in sizes.items() for done in (0, count)]


def test_progress_counts_the_images_that_are_yet_to_be_divided(flat):
    told = []
    from_folder(flat, progress=lambda *values: told.append(values))
    assert told == [("images", 0, 31), ("images", 31, 31)]


def bomb(path, side=100_000):
    """A PNG that claims side x side pixels and holds none."""

    def chunk(kind, content):
        packed = kind + content
        return struct.pack(">I", len(content)) + packed + struct.pack(">I", zlib.crc32(packed))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def link(path):
    path.symlink_to(path.parent / "00.png")


def cut(path):
    write(path.with_name("whole.jpg"), (40, 50))
    whole = path.with_name("whole.jpg")
    path.write_bytes(whole.read_bytes()[:400])
    whole.unlink()


HOSTILE = {
    "a link": (link, r"cat/1\.png: found a symbolic link, which is not followed"),
    "a folder": (lambda path: path.mkdir(), r"1\.png: found a folder, expected image files alone"),
    "a pipe": (os.mkfifo, r"1\.png: found no image by its name or kind"),
    "a bomb": (bomb, r"1\.png: found an image too large to decode, .*: at most 67,108,864 pixels"),
    "a small bomb": (lambda path: bomb(path, 9000), r"too large .* it claims 9000 x 9000"),
    "a bomb of the last size": (lambda path: bomb(path, 11000), "too large .* it claims 11000"),
    "a cut image": (cut, r"1\.png: expected a readable image: it is damaged"),
    "text": (
        lambda path: path.write_text("words"),
        r"1\.png: expected a readable image: it is",
    ),
    "nothing": (lambda path: path.write_bytes(b""), r"1\.png: expected a readable image"),
    "a program": (
        lambda path: path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 5\n"),
        "it is damaged or of another format",
    ),
    "another size": (
        lambda path: write(path, (5, 4)),
        r"1\.png: found 5 x 4 .* 4 x 5: pass",
    ),
    "16 bits": (
        lambda path: Image.fromarray(np.zeros((4, 5), np.uint16)).save(path),
        r"1\.png: found more than 8 bits a channel \(mode I",
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_files_are_named(flat, kind):
    make, words = HOSTILE[kind]
    path = flat / "cat" / "1.png"
    make(path)
    with pytest.raises(DataError, match=words):
        from_folder(flat)


def test_more_images_than_memory_holds_are_refused(flat, monkeypatch):
    def none_left(*args, **kwargs):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(torch.Tensor, "new_empty", none_left)
    with pytest.raises(DataError, match=r"images of 4 x 5 pixels take 0\.0 GB, more memory than"):
        from_folder(flat)


def test_links_among_folders_are_not_followed(flat, tmp_path):
    outside = tmp_path / "outside"
    write(outside / "1.png")
    (flat / "zebra").symlink_to(outside)
    with pytest.raises(DataError, match="zebra: found a symbolic link"):
        from_folder(flat)


def test_folders_that_are_no_classes_are_named(divided, tmp_path):
    root, _ = divided
    with pytest.raises(DataError, match=r"nowhere: found no such folder"):
        from_folder(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty: found no folders, expected one a class"):
        from_folder(tmp_path / "empty")
    (root / "train" / "bird").mkdir()
    with pytest.raises(DataError, match="bird: found no images in the folder of a class"):
        from_folder(root)
    (root / "train" / "bird").rmdir()
    (root / "train" / "cat" / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match=r"notes\.txt: found no image by its name or kind"):
        from_folder(root)
    (root / "train" / "cat" / "notes.txt").unlink()
    write(root / "test" / "bird" / "1.png")
    with pytest.raises(DataError, match=r"test/bird: there is no such class .*: cat, dog$"):
        from_folder(root)
    write(root / "cow" / "1.png")
    with pytest.raises(DataError, match="found cow beside train: expected train, validation and"):
        from_folder(root)


def test_a_class_of_too_few_images_is_named(tmp_path):
    for number in range(9):
        write(tmp_path / "many" / f"{number}.png")
    write(tmp_path / "few" / "1.png")
    write(tmp_path / "few" / "2.png")
    with pytest.raises(DataError, match="class 'few' has too few images: none is left"):
        from_folder(tmp_path)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"channels": 2}, r"channels must be 1 \(grey\) or 3 \(colours\), got 2"),
        ({"size": 32}, r"size must be \(height, width\), .* got 32"),
        ({"size": (0, 3)}, r"each at least 1, .* got \(0, 3\)"),
        ({"size": (9000, 9000)}, r"at most 67,108,864 pixels, got"),
        ({"test": 0}, "test must be the fraction of images to draw, got 0"),
        ({"validation": 1.0}, "validation must be the fraction of images to draw, got 1.0"),
    ],
)
def test_arguments_out_of_range_are_refused(flat, given, words):
    with pytest.raises(ValueError, match=words):
        from_folder(flat, **given)


def test_without_pillow_it_says_what_to_install(flat, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"needs Pillow: pip install 'surfeit\[images\]'"):
        from_folder(flat)
