"""Fuzzes one reader in this process, until its time is up; `run.py` starts one for each.

    python benchmarks/fuzz/target.py READER --work DIR --seconds N [--memory MIB]

A fault, an error that is no sentence of surfeit's, is kept once for each line that raised it, and
the fuzzing goes on. A crash, more than 10 s or more memory than allowed end the process: libFuzzer
keeps the input.
"""

import argparse
import hashlib
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import atheris  # pyright: ignore[reportMissingImports]

with atheris.instrument_imports(include=["surfeit", "tarfile"]):  # pyright: ignore
    from fuzz.judging import line_of, own_place
    from fuzz.readers import READERS
    from fuzz.readers.reader import Reader

_HANG_SECONDS = 10
_LONGEST = 1 << 14  # bytes of an input


def main() -> None:
    """Sets libFuzzer up and never returns."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("reader", choices=sorted(READERS))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seconds", type=int, required=True)
    parser.add_argument("--memory", type=int, default=1024)
    given = parser.parse_args()
    reader = READERS[given.reader]
    corpus, findings = (given.work / part / reader.name for part in ("corpus", "findings"))
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    for name, content in reader.seeds().items():
        (corpus / f"seed-{name}").write_bytes(content)
    with tempfile.TemporaryDirectory(prefix=f"fuzz-{reader.name}-") as folder:
        options = [
            f"-max_total_time={given.seconds}",
            f"-timeout={_HANG_SECONDS}",
            f"-rss_limit_mb={given.memory}",
            f"-max_len={_LONGEST}",
            f"-artifact_prefix={findings}/",
            "-print_final_stats=1",
        ]
        atheris.Setup([sys.argv[0], *options, str(corpus)], _target(reader, Path(folder), findings))
        atheris.Fuzz()


def _target(reader: Reader, folder: Path, findings: Path) -> Callable[[bytes], None]:
    known: set[tuple[str, str, int]] = set()

    def test_one(content: bytes) -> None:
        try:
            reader.read(content, folder)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            place = (type(error).__name__, *own_place(error))
            if place not in known:
                known.add(place)
                _keep(findings, content, error)

    return test_one


def _keep(findings: Path, content: bytes, error: BaseException) -> None:
    """The input by the fault's name and place, and the whole story beside it."""
    file, line = own_place(error)
    digest = hashlib.sha256(content).hexdigest()[:8]
    name = f"fault-{type(error).__name__}-{Path(file).stem}-{line}-{digest}"
    (findings / name).write_bytes(content)
    story = "".join(traceback.format_exception(error))
    (findings / f"{name}.txt").write_text(story, errors="replace")
    print(f"FAULT {name}: {error!r:.200} at: {line_of(file, line)}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
