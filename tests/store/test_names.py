"""Files about layers: safe names, another for each layer."""

from pathlib import Path
from urllib.parse import unquote

import pytest

from surfeit.store import file_name

NAMES = [
    "fc1",
    "layer1.0.conv2",
    "block1/unit_1",
    "a b",
    "a%20b",
    "",
    "@network",
    "..",
    "ä",
    "C:\\x",
]


def test_plain_names_stay_as_they_are():
    assert file_name("removal", "layer1.0.conv2") == "removal-layer1.0.conv2"


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_a_file_in_its_folder_and_can_be_read_back(tmp_path, name):
    file = file_name("rank", name)
    (tmp_path / file).write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == [file]
    assert Path(file).name == file
    if name:
        assert unquote(file.removeprefix("rank-")) == name


def test_different_layers_have_different_files():
    assert len({file_name("rank", name).lower() for name in NAMES}) == len(NAMES)
