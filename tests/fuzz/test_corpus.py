"""What fuzzing has found, and the seeds that it starts from: read, or refused in words."""

import sys
from pathlib import Path

import pytest

from surfeit.core import DataError, StoreError

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
CORPUS = Path(__file__).parent / "corpus"
if not (BENCHMARKS / "fuzz").is_dir():
    pytest.skip("the fuzzer is not part of this checkout", allow_module_level=True)
sys.path.append(str(BENCHMARKS))
pytest.importorskip("PIL")

from fuzz.judging import attempt, in_words  # noqa: E402
from fuzz.readers import READERS  # noqa: E402
from fuzz.readers.framed import framed, raw, unframed  # noqa: E402
from fuzz.readers.runs import _made  # noqa: E402
from surfeit.core.split import Split, check_split  # noqa: E402
from surfeit.store import Run  # noqa: E402

FOUND = sorted(path.relative_to(CORPUS).as_posix() for path in CORPUS.glob("*/*"))


@pytest.mark.parametrize("name", FOUND)
def test_what_was_found_is_read_or_refused_in_words(tmp_path, name):
    READERS[Path(name).parts[0]].read((CORPUS / name).read_bytes(), tmp_path)


@pytest.mark.parametrize("name", READERS)
def test_seeds_and_what_is_left_of_them_are_read_or_refused_in_words(tmp_path, name):
    reader = READERS[name]
    for content in reader.seeds().values():
        middle = len(content) // 2
        for changed in (content, content[:middle], content[:middle] + b"\xff" + content[middle:]):
            reader.read(changed, tmp_path)
    reader.read(b"", tmp_path)


def test_every_folder_of_found_inputs_is_a_readers():
    assert {name.split("/")[0] for name in FOUND} <= set(READERS)


@pytest.mark.parametrize("done", [True, False])
def test_the_run_whose_files_are_replaced_is_whole(tmp_path, done):
    run = Run(_made(tmp_path, done))
    assert run.verify() == []
    assert run.steps() == [0, 5]
    assert run.mask["fc1.weight"].sum() == 9
    assert run.model().training is False


def test_a_frame_gives_the_file_back():
    file = (5).to_bytes(8, "little") + b"{ab  " + b"\x01\x00\x02"
    assert framed(unframed(file)) == framed(raw(file)) == file


def _raise(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a sentence"),
        KeyError("x"),
        DataError("said by a test"),
        MemoryError(),
        OSError(),
    ],
)
def test_errors_that_surfeit_does_not_raise_are_raw(error):
    with pytest.raises(type(error)):
        attempt(lambda: _raise(error))


def test_errors_of_python_within_surfeit_are_raw_and_sentences_are_not():
    assert attempt(lambda: check_split(3)) is None
    assert attempt(lambda: Split(3, 4)) is None  # pyright: ignore
    with pytest.raises(TypeError):
        attempt(lambda: check_split())  # pyright: ignore
    assert not in_words(StoreError(""))
