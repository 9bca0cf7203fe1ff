"""What came of a study, on the disk: `<results>/<study>/<key>/`.

A result is table.parquet, table.csv, figure.svg, figure.png, figure.pdf, config.json,
environment.json and, written last, verdicts.json with the sums of all others: whoever finds that
finds all. Results may come from anywhere, so what is read is bounded and checked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surfeit.core import StoreError
from surfeit.lab.study import BUDGETS, Claim
from surfeit.lab.verdict import Verdict
from surfeit.store import Store
from surfeit.store.files import FileSum, read_bytes, read_json

if TYPE_CHECKING:
    import pyarrow as pa

RECORD = "verdicts.json"
FILES = (
    "table.parquet",
    "table.csv",
    "figure.svg",
    "figure.png",
    "figure.pdf",
    "config.json",
    "environment.json",
)
FORMAT = 1
MOST_FIGURE = 32 << 20
MOST_TABLE = 1 << 30
AGAIN = "delete the folder, or give its command again"


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a study found under a configuration.

    Args:
        folder: where its files are.
        study, question, source: as of `Study`.
        digest: of the study's file.
        budget: under which it was run.
        command: what gives it again.
        key: of configuration, study and data, 64 hexadecimal digits.
        claims: what it judged.
        verdicts: one a claim.
        runs: keys of the runs that it rests on.
        created: when, ISO 8601 in UTC.
        seconds: that it took, with whatever the store had already.
        substitutes: where it was trained by another method than is published, and why, by field of
            the study's Config; none in results from before they were written down.
    """

    folder: Path
    study: str
    question: str
    source: str
    digest: str
    budget: str
    command: str
    key: str
    claims: tuple[Claim, ...]
    verdicts: tuple[Verdict, ...]
    runs: tuple[str, ...]
    created: str
    seconds: float
    substitutes: Mapping[str, str] = field(default_factory=dict)

    @property
    def table(self) -> "pa.Table":
        """The tidy table.

        Raises:
            StoreError: if its file is not what was written.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        data = BytesIO(self.file("table.parquet", most=MOST_TABLE))
        try:
            # Threads that Arrow starts to read ahead may abort a process that ends soon after.
            return pq.ParquetFile(data, pre_buffer=False).read(use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise StoreError(f"{self.folder}/table.parquet cannot be read: {error}") from error

    @property
    def config(self) -> dict[str, Any]:
        """What the key stands for: `study`, `digest`, `budget`, `config`, `numerics`, `data`."""
        found = read_json(self.folder / "config.json", follow=False)
        if not isinstance(found, dict) or not isinstance(found.get("data"), dict):
            raise StoreError(f"{self.folder}/config.json is damaged: {AGAIN}")
        return found

    def file(self, name: str, *, most: int = MOST_FIGURE) -> bytes:
        """The bytes of one of `FILES`.

        Raises:
            StoreError: if it is missing, larger than `most`, or not what was written.
        """
        path = self.folder / name
        data = read_bytes(path, most=most, follow=False)
        record = read_json(self.folder / RECORD, follow=False)
        if FileSum.of(data) != FileSum(**_sums(record)[name]):
            raise StoreError(f"{path} is damaged: its sha256 is not what was written; {AGAIN}")
        return data


def results_root(store: Store) -> Path:
    """Where results are kept if nothing else is said: beside the runs."""
    return store.root / "results"


def read_result(folder: Path) -> Result:
    """The result in a folder, every byte of whose files is as it was written.

    Raises:
        StoreError: if there is none, or it is damaged.
    """
    record = read_json(folder / RECORD, follow=False)
    try:
        result, sums = _result(folder, record), _sums(record)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise StoreError(f"{folder}/{RECORD} is damaged: {error!s:.200}; {AGAIN}") from error
    for name, entry in sums.items():
        damage = FileSum(**entry).differs(folder / name)
        if damage is not None:
            raise StoreError(f"{damage}; {AGAIN}")
    return result


def all_results(root: Path) -> tuple[list[Result], list[str]]:
    """All results below a folder, by study and age, and a sentence for each that cannot be read."""
    found, problems = [], []
    for path in sorted(root.glob(f"*/*/{RECORD}")):
        try:
            found.append(read_result(path.parent))
        except StoreError as error:
            problems.append(str(error))
    return sorted(found, key=lambda one: (one.study, one.created, one.key)), problems


def _result(folder: Path, record: Any) -> Result:
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise ValueError(f"it is no record of format {FORMAT}")
    texts = {name: _text(record, name) for name in _TEXTS}
    if texts["budget"] not in BUDGETS:
        raise ValueError(f"no budget {texts['budget']!r:.40}")
    claims = tuple(Claim(**_typed(Claim, row)) for row in record["claims"])
    verdicts = tuple(_verdict(row) for row in record["verdicts"])
    runs = tuple(record["runs"])
    if not all(isinstance(key, str) for key in runs):
        raise ValueError("its runs are no keys")
    return Result(
        folder=folder,
        claims=claims,
        verdicts=verdicts,
        runs=runs,
        seconds=float(record["seconds"]),
        substitutes=_texts_of(record.get("substitutes", {}), "substitutes"),
        **texts,
    )


_TEXTS = ("study", "question", "source", "digest", "budget", "command", "key", "created")


def _text(record: Mapping[str, Any], name: str) -> str:
    if not isinstance(record[name], str):
        raise ValueError(f"{name} is no text")
    return record[name]


def _texts_of(given: Any, name: str) -> dict[str, str]:
    texts = isinstance(given, dict) and all(isinstance(text, str) for text in given.values())
    if not texts:
        raise ValueError(f"{name} are no texts")
    return given


def _typed(kind: Any, row: Any) -> dict[str, Any]:
    """What a row says of a dataclass's fields; those that this version does not know are left."""
    given = {field.name: row[field.name] for field in fields(kind) if field.name in row}
    for name, value in given.items():
        if not isinstance(value, str | bool | int | float | None):
            raise ValueError(f"{name} is {value!r:.40}")
    return given


def _verdict(row: Any) -> Verdict:
    given = _typed(Verdict, row)
    for name in ("claim", "unit", "says", "doubt"):
        if not isinstance(given.get(name, ""), str):
            raise ValueError(f"{name} of a verdict is no text")
    return Verdict.from_json(given)


def _sums(record: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    sums = record["files"]
    if sorted(sums) != sorted(FILES):
        raise ValueError("it does not list the result's files")
    if not all(isinstance(entry["size"], int) for entry in sums.values()):
        raise ValueError("sizes are whole numbers")
    return {name: {"size": sums[name]["size"], "sha256": sums[name]["sha256"]} for name in FILES}
