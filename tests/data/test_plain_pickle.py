"""Pickles of plain values: read as Python reads them, and hostile ones refused without harm."""

import pickle
import struct
import subprocess
import sys
import time
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surfeit.data.pickled_arrays import DamagedPickleError, PickledArray, RefusedPickleError
from surfeit.data.plain_pickle import read_plain_pickle

QUIETLY = settings(max_examples=60, deadline=None)
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**100), 2**100)
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.binary(min_size=1, max_size=300),  # protocol 2 spells none as a call of `bytes`
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=3) | st.binary(min_size=1, max_size=3), inner)
    ),
    max_leaves=12,
)
HEAD = b"\x80\x02"
RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"
UINT8 = (
    b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
)


def read(content: bytes, most: int = 1000) -> object:
    return read_plain_pickle(content, most_opcodes=most)


@QUIETLY
@given(value=PLAIN, protocol=st.integers(2, pickle.HIGHEST_PROTOCOL))
def test_plain_values_are_read_as_python_reads_them(value, protocol):
    assert read(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("dtype", ["u1", "i8", "f4", "f8", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_are_kept_as_what_is_said_of_them(protocol, dtype, order):
    array = np.asarray(np.arange(6).reshape(2, 3), dtype, order)
    found = read(pickle.dumps(array, protocol))
    assert isinstance(found, PickledArray)
    assert (found.dtype, found.shape) == (array.dtype.name, (2, 3))
    assert found.in_columns == (order == "F")
    again = np.frombuffer(found.content, array.dtype).reshape(found.shape, order=order)
    assert np.array_equal(again, array)


@QUIETLY
@given(content=st.binary(max_size=60))
def test_any_bytes_give_a_value_or_one_of_two_errors(content):
    with suppress(DamagedPickleError, RefusedPickleError):
        read(content)


@QUIETLY
@given(data=st.data())
def test_flipped_and_cut_pickles_give_a_value_or_one_of_two_errors(data):
    arrays = {"data": np.zeros((2, 3), np.uint8), "labels": [1, 2], "names": [b"a", "b"]}
    content = bytearray(pickle.dumps(arrays, data.draw(st.integers(2, 5))))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with suppress(DamagedPickleError, RefusedPickleError):
        read(bytes(content[: data.draw(st.integers(0, len(content)))]))


def test_every_prefix_of_a_pickle_is_damaged():
    whole = pickle.dumps({"data": np.zeros((2, 3), np.uint8), "labels": [1, 2]}, 2)
    for end in range(len(whole)):
        with pytest.raises(DamagedPickleError):
            read(whole[:end])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x8e" + b"\xff" * 8 + b"x.", "ends after"),  # BINBYTES8 of 16 exabytes
        (b"\x96" + struct.pack("<Q", 1 << 40) + b".", "ends after"),  # BYTEARRAY8
        (b"X\xff\xff\xff\xffx.", "ends after"),
        (b"B\xff\xff\xff\x7f.", "ends after"),
        (b"\x8b\xff\xff\xff\x7f.", "opcode 0x8b at byte 2 is none"),  # LONG4
        (b"I1234\n.", "opcode 0x49"),
        (b"]2.", "opcode 0x32"),  # DUP
        (b"\x81.", "opcode 0x81"),  # NEWOBJ
        (b"i__main__\nX\n.", "opcode 0x69"),  # INST
        (b"\x82\x01.", "opcode 0x82"),  # EXT1
        (b"K\x01Q.", "opcode 0x51"),  # BINPERSID
        (b"\x97.", "opcode 0x97"),  # NEXT_BUFFER
        (b"h\x05.", "refers to value 5"),
        (b".", "a value is missing"),
        (b"(.", "a value is missing"),
        (b"t.", "a mark is missing"),
        (b"K\x01K\x02a.", "a int is appended to"),
        (b"K\x01(K\x02e.", "a int is appended to"),
        (b"](K\x02u.", "pairs are put into a list"),
        (b"}(K\x02u.", "pairs are put into a dict"),
        (b"})Ns.", "a dict has a tuple as a key"),
        (b"}]Ns.", "a dict has a list as a key"),
        (b"NNb.", "a NoneType is given a state"),
        (b"N)R.", "no function is called"),
        (b"cnumpy\ndtype\n]R.", "no function is called"),
        (b"cnumpy\ndtype\n)R.", "a dtype has no name"),
        (b"X\x01\x00\x00\x00\xff.", "not in UTF-8"),
        (b"cnumpy", "in the middle of a name"),
        (b"\x8c\x01aK\x01\x93.", "a name is no text"),
        (UINT8[: UINT8.index(b"(K\x03")] + b"(K\x03U\x01|NU\x01aNtb.", "none of plain numbers"),
        (UINT8[: UINT8.index(b"(K\x03")] + b"Nb.", "none of plain numbers"),
        (RECONSTRUCT + b"Nb.", "another state than numpy's"),
        (RECONSTRUCT + b"(K\x01)NN" + b"U\x00tb.", "has no dtype"),
        (RECONSTRUCT + b"(K\x01N" + UINT8 + b"\x89U\x00tb.", "has no shape"),
        (RECONSTRUCT + b"(K\x01(U\x01at" + UINT8 + b"\x89U\x00tb.", "not of whole numbers"),
        (RECONSTRUCT + b"(K\x01J\xff\xff\xff\xff\x85" + UINT8 + b"\x89U\x00tb.", "not of whole"),
        (RECONSTRUCT + b"(K\x01(" + b"K\x01" * 9 + b"t" + UINT8 + b"\x89U\x00tb.", "has no shape"),
        (RECONSTRUCT + b"(K\x01)" + UINT8 + b"\x89]tb.", "content is a list"),
        (b"c_codecs\nencode\n)R.", "encoded wrongly"),
        (
            b"c_codecs\nencode\n(X\x03\x00\x00\x00\xe2\x82\xacU\x06latin1tR.",
            "letters that are none",
        ),
    ],
)
def test_what_no_writer_of_plain_values_writes_is_damage(content, words):
    with pytest.raises(DamagedPickleError, match=words):
        read(HEAD + content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"cos\nsystem\n.", "os.system"),
        (b"cnumpy.core.multiarray\nscalar\n.", "numpy.core.multiarray.scalar"),
        (b"cnumpy\nndarray\n(tR.", "a call of numpy.ndarray"),
        (b"c\x1b[31mred\nx\n.", r"\\x1b\[31mred\.x"),
        (b"c" + b"a" * 10_000 + b"\nx\n.", "a{60}$"),
        (b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x05\x00\x00\x00rot13tR.", "encode to 'rot13'"),
        (b"c_codecs\nencode\n(X\x01\x00\x00\x00a]tR.", "encode to 'list'"),
    ],
)
def test_what_is_no_array_is_refused_by_name(content, words):
    with pytest.raises(RefusedPickleError, match=words):
        read(HEAD + content)


def test_a_text_that_is_encoded_again_and_again_is_stopped():
    text = b"X" + struct.pack("<I", 1 << 20) + b"a" * (1 << 20)
    call = b"c_codecs\nencode\n(h\x00U\x06latin1tRq\x01"
    with pytest.raises(DamagedPickleError, match="more bytes than it holds"):
        read(HEAD + text + b"q\x00" + call * 200 + b".", most=10_000)


BOMBS = {
    "lists": b"]" * 400_000 + b".",
    "marks": b"(" * 400_000 + b".",
    "nested lists": b"]" * 100_000 + b"a" * 99_999 + b".",
    "nested tuples": b")" + b"\x85" * 200_000 + b".",
    "doubling": b")q\x00" + b"h\x00h\x00\x86q\x00" * 50_000 + b".",
    "doubling in a shape": RECONSTRUCT
    + b"(K\x01)q\x00"
    + b"h\x00h\x00\x86q\x00" * 50_000
    + UINT8
    + b"\x89U\x00tb.",
    "a doubled key": b"})q\x00" + b"h\x00h\x00\x86q\x00" * 50_000 + b"Ns.",
    "a list in itself": b"]q\x00h\x00ah\x00a.",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_end_soon_in_little_memory_and_without_a_crash(name):
    """In a process of its own: deep values could take the stack along when they are let go."""
    program = (
        "import resource, sys; from surfeit.data.plain_pickle import read_plain_pickle as read\n"
        "from surfeit.data.pickled_arrays import DamagedPickleError\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: read(sys.stdin.buffer.read(), most_opcodes=324_096)\n"
        "except DamagedPickleError: pass\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", program], input=HEAD + BOMBS[name], capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr[-500:]
    assert int(done.stdout) * 1024 < 200 << 20
    assert time.monotonic() - began < 30
