"""Pickles of plain values and arrays, read by an interpreter of their opcodes that calls nothing.

Python's own unpickler makes whatever a pickle asks for; even one that may call numpy's functions
alone can be led to arrays that reach beyond their memory. Here nothing of the pickle's own is
called: what it says of an array is kept as a `PickledArray`, for the reader to judge.

Source: the Python library's `pickletools`, which describes each opcode.
"""

import struct
from collections.abc import Callable
from typing import Any

from surfeit.data.pickled_arrays import DamagedPickleError, Named, give_state_


def read_plain_pickle(content: bytes, *, most_opcodes: int) -> object:
    """The value in a pickle of protocol 2 or later: dicts, lists, tuples, numbers, texts, arrays.

    Byte strings of Python 2 are bytes; what follows the pickle's end is left alone.

    Args:
        content: the pickle.
        most_opcodes: how many opcodes it may have; each makes one value of some 60 bytes at most,
            beside what it copies from the pickle.

    Raises:
        RefusedPickleError: if it asks for a function or class that makes no arrays.
        DamagedPickleError: if it is cut short or holds an opcode that plain values do not need.

    Cost: at most a few times the pickle's own size of memory.
    """
    return _Machine(content, most_opcodes).run()


class _Mark:
    """Where on the stack an opened dict, list or tuple began."""


class _Machine:
    """A stack and a memo, as `pickletools` describes them."""

    def __init__(self, content: bytes, most_opcodes: int) -> None:
        self._content, self._at, self._left = content, 0, most_opcodes
        self._to_encode = len(content)  # bytes that may yet be made of texts
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self) -> object:
        while (code := self._take(1)) != b".":
            self._left -= 1
            if self._left < 0:
                raise DamagedPickleError("it has far more values than it should")
            step = _STEPS.get(code)
            if step is None:
                raise DamagedPickleError(
                    f"opcode 0x{code.hex()} at byte {self._at - 1} is none that plain values need"
                )
            step(self)
        return self.pop()

    def _take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._content):
            raise DamagedPickleError(f"it ends after {len(self._content)} bytes, in mid-value")
        part = self._content[self._at : end]
        self._at = end
        return part

    def number(self, size: int, *, signed: bool = False) -> int:
        return int.from_bytes(self._take(size), "little", signed=signed)

    def counted(self, size: int) -> bytes:
        """As many bytes as a count of `size` bytes says."""
        return self._take(self.number(size))

    def real(self) -> float:
        return struct.unpack(">d", self._take(8))[0]

    def text(self, size: int) -> str:
        try:
            return self.counted(size).decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise DamagedPickleError("a text is not in UTF-8") from error

    def line(self) -> str:
        end = self._content.find(b"\n", self._at)
        if end < 0:
            raise DamagedPickleError("it ends in the middle of a name")
        line = self._take(end - self._at).decode("latin1")
        self._at += 1
        return line

    def push(self, value: object) -> None:
        self._stack.append(value)

    def pop(self) -> Any:
        if not self._stack or isinstance(self._stack[-1], _Mark):
            raise DamagedPickleError("a value is missing")
        return self._stack.pop()

    def pop_last(self, count: int) -> list[Any]:
        return [self.pop() for _ in range(count)][::-1]

    def pop_to_mark(self) -> list[Any]:
        for index in range(len(self._stack) - 1, -1, -1):
            if isinstance(self._stack[index], _Mark):
                values = self._stack[index + 1 :]
                del self._stack[index:]
                return values
        raise DamagedPickleError("a mark is missing")

    def remember(self, key: int) -> None:
        value = self.pop()
        self._memo[key] = value
        self.push(value)

    def remember_next(self) -> None:
        self.remember(len(self._memo))

    def recall(self, key: int) -> None:
        if key not in self._memo:
            raise DamagedPickleError(f"it refers to value {key}, which it has not named")
        self.push(self._memo[key])

    def extend(self, values: list[Any]) -> None:
        target = self.pop()
        if not isinstance(target, list):
            raise DamagedPickleError(f"a {type(target).__name__} is appended to")
        target.extend(values)
        self.push(target)

    def update(self, values: list[Any]) -> None:
        target = self.pop()
        if not isinstance(target, dict) or len(values) % 2:
            raise DamagedPickleError(f"pairs are put into a {type(target).__name__}")
        for key, value in zip(values[::2], values[1::2], strict=True):
            # Other keys are not needed, and the hash of a nested one may take for ever.
            if not isinstance(key, str | bytes):
                raise DamagedPickleError(f"a dict has a {type(key).__name__} as a key")
            target[key] = value
        self.push(target)

    def find(self, module: object, name: object) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise DamagedPickleError("a name is no text")
        self.push(Named(module, name))

    def call(self) -> None:
        function, arguments = self.pop_last(2)
        if not isinstance(function, Named) or not isinstance(arguments, tuple):
            raise DamagedPickleError("something that is no function is called")
        made = function.called(arguments)
        if isinstance(made, bytes):
            # One text can be recalled any number of times: all together is no more than it holds.
            self._to_encode -= len(made)
            if self._to_encode < 0:
                raise DamagedPickleError("it makes more bytes than it holds")
        self.push(made)

    def build(self) -> None:
        made, state = self.pop_last(2)
        give_state_(made, state)
        self.push(made)


def _pushing(value: Callable[[_Machine], object]) -> Callable[[_Machine], None]:
    return lambda machine: machine.push(value(machine))


def _tupling(count: int) -> Callable[[_Machine], None]:
    return lambda machine: machine.push(tuple(machine.pop_last(count)))


def _skipping(size: int) -> Callable[[_Machine], None]:
    def skip(machine: _Machine) -> None:
        machine.number(size)

    return skip


_STEPS: dict[bytes, Callable[[_Machine], None]] = {
    b"\x80": _skipping(1),  # PROTO
    b"\x95": _skipping(8),  # FRAME
    b"(": _pushing(lambda m: _Mark()),  # MARK
    b"N": _pushing(lambda m: None),  # NONE
    b"\x88": _pushing(lambda m: True),  # NEWTRUE
    b"\x89": _pushing(lambda m: False),  # NEWFALSE
    b"K": _pushing(lambda m: m.number(1)),  # BININT1
    b"M": _pushing(lambda m: m.number(2)),  # BININT2
    b"J": _pushing(lambda m: m.number(4, signed=True)),  # BININT
    b"\x8a": _pushing(lambda m: m.number(m.number(1), signed=True)),  # LONG1
    b"G": _pushing(lambda m: m.real()),  # BINFLOAT
    b"U": _pushing(lambda m: m.counted(1)),  # SHORT_BINSTRING
    b"T": _pushing(lambda m: m.counted(4)),  # BINSTRING
    b"C": _pushing(lambda m: m.counted(1)),  # SHORT_BINBYTES
    b"B": _pushing(lambda m: m.counted(4)),  # BINBYTES
    b"\x8e": _pushing(lambda m: m.counted(8)),  # BINBYTES8
    b"\x96": _pushing(lambda m: m.counted(8)),  # BYTEARRAY8
    b"\x8c": _pushing(lambda m: m.text(1)),  # SHORT_BINUNICODE
    b"X": _pushing(lambda m: m.text(4)),  # BINUNICODE
    b"\x8d": _pushing(lambda m: m.text(8)),  # BINUNICODE8
    b"]": _pushing(lambda m: []),  # EMPTY_LIST
    b")": _pushing(lambda m: ()),  # EMPTY_TUPLE
    b"}": _pushing(lambda m: {}),  # EMPTY_DICT
    b"t": _pushing(lambda m: tuple(m.pop_to_mark())),  # TUPLE
    b"\x85": _tupling(1),  # TUPLE1
    b"\x86": _tupling(2),  # TUPLE2
    b"\x87": _tupling(3),  # TUPLE3
    b"a": lambda m: m.extend(m.pop_last(1)),  # APPEND
    b"e": lambda m: m.extend(m.pop_to_mark()),  # APPENDS
    b"s": lambda m: m.update(m.pop_last(2)),  # SETITEM
    b"u": lambda m: m.update(m.pop_to_mark()),  # SETITEMS
    b"q": lambda m: m.remember(m.number(1)),  # BINPUT
    b"r": lambda m: m.remember(m.number(4)),  # LONG_BINPUT
    b"\x94": lambda m: m.remember_next(),  # MEMOIZE
    b"h": lambda m: m.recall(m.number(1)),  # BINGET
    b"j": lambda m: m.recall(m.number(4)),  # LONG_BINGET
    b"c": lambda m: m.find(m.line(), m.line()),  # GLOBAL
    b"\x93": lambda m: m.find(*m.pop_last(2)),  # STACK_GLOBAL
    b"R": lambda m: m.call(),  # REDUCE
    b"b": lambda m: m.build(),  # BUILD
}
