"""Rows of metrics: numbers by name, or a sentence that names the line."""

import json
import tracemalloc

import pytest

from surfeit.core import StoreError
from surfeit.store.metrics import read_metrics


def written(folder, *lines):
    path = folder / "metrics.jsonl"
    path.write_bytes(b"".join(line if isinstance(line, bytes) else line.encode() for line in lines))
    return path


def test_columns_are_padded_where_a_row_lacks_them(tmp_path):
    path = written(tmp_path, '{"step": 0}\n{"step": 1, "loss": 2}\n{"loss": null}\n{"step": 2.0}\n')
    table = read_metrics(path)
    assert table.to_pydict() == {"step": [0, 1, None, 2], "loss": [None, 2.0, None, None]}
    assert [str(kind) for kind in table.schema.types] == ["int64", "double"]
    assert read_metrics(written(tmp_path, "")).num_rows == 0


@pytest.mark.parametrize(
    "line",
    [
        b'{"loss": \xac}',
        b"[]",
        b"3",
        b'"x"',
        b"",
        b"null",
        b"{",
        b'{"loss": "low"}',
        b'{"loss": [1]}',
        b'{"loss": true}',
        b'{"loss": NaN}',
        b'{"loss": 1e999}',
        b'{"step": 1.5}',
        b'{"step": 1e30}',
        b'{"step": 9223372036854775808}',
        b'{"loss": 1' + b"0" * 400 + b"}",
        b'{"a":' * 2000 + b"1" + b"}" * 2000,
    ],
)
def test_a_line_that_is_no_row_is_named(tmp_path, line):
    path = written(tmp_path, '{"step": 0}\n', line + b"\n", '{"step": 2}\n')
    with pytest.raises(StoreError, match=r"metrics\.jsonl is damaged: line 2 is no row of metrics"):
        read_metrics(path)


def test_a_line_without_an_end_is_read_no_further_than_a_row_can_go(tmp_path):
    path = written(tmp_path, '{"step": 0}\n', b"[" + b"{}," * 500_000)
    with pytest.raises(StoreError, match=r"line 2 has more than 1,048,576 bytes"):
        read_metrics(path)


def test_columns_without_number_do_not_fill_the_memory(tmp_path):
    rows = (json.dumps({f"{row}-{name}": 0 for name in range(500)}) + "\n" for row in range(200))
    path = written(tmp_path, *rows)
    tracemalloc.start()
    with pytest.raises(StoreError, match="there are too many"):
        read_metrics(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 400 << 20
