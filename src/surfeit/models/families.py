"""Families of networks whose names say their sizes and options: `resnet-56-plain`."""

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from surfeit.models.networks import Builder

_MODULE = "surfeit.models.networks"
_REST = ("input_shape", "classes", "generator")


@dataclass(frozen=True)
class Option:
    """An argument of a builder as a word of a network's name; none where it is as by default.

    Args:
        argument: its name.
        form: how it is written, for help.
        words: what stands for each value, for options that have few.
        before: of a number: the letters in front of it.
        whole: of a number: whether it is an integer, and not a decimal fraction.
        default: what users may write for the default, which has no word.
    """

    argument: str
    form: str
    words: Mapping[str, Any] | None = None
    before: str = ""
    whole: bool = True
    default: str | None = None

    @property
    def pattern(self) -> str:
        """The regular expression of the word."""
        if self.words is not None:
            return "|".join(map(re.escape, self.words))
        return re.escape(self.before) + (r"\d+" if self.whole else r"\d*\.\d+")

    def value_of(self, word: str) -> Any:
        """The value that a word stands for."""
        if self.words is not None:
            return self.words[word]
        number = word.removeprefix(self.before)
        return int(number) if self.whole else float(number)

    def word_of(self, value: Any) -> str | None:
        """The word that stands for a value; None if there is none."""
        if self.words is not None:
            return next((word for word, own in self.words.items() if own == value), None)
        word = f"{self.before}{value}"
        return word if re.fullmatch(self.pattern, word, re.ASCII) else None


@dataclass(frozen=True)
class Family:
    """Networks of one builder, by name: the family's, its sizes, then words for its options.

    Args:
        name: the first word.
        function: of `surfeit.models.networks`.
        sizes: the builder's first arguments, each a number in the name.
        example: a name.
        options: in the order of the name.
        many: whether there is one argument of sizes, a tuple of any length.
    """

    name: str
    function: str
    sizes: tuple[str, ...]
    example: str
    options: tuple[Option, ...] = ()
    many: bool = False

    @property
    def form(self) -> str:
        """How names are made, in words for help."""
        sizes = "".join(f"-{size.upper()}" for size in self.sizes)
        if self.many:
            sizes = "-W1-W2-..."
        return self.name + sizes + "".join(f"[-{option.form}]" for option in self.options)

    @property
    def sizes_pattern(self) -> str:
        """The regular expression of the sizes in a name, with the dashes before them."""
        return r"(?:-\d+)+" if self.many else r"-\d+" * len(self.sizes)

    def builder_of(self, name: str) -> "Builder | None":
        """The builder that a name stands for; None if it is no name of the family."""
        options = "".join(f"(?:-({option.pattern}))?" for option in self.options)
        found = re.fullmatch(f"{self.name}({self.sizes_pattern}){options}", name, re.ASCII)
        if found is None:
            return None
        numbers = tuple(int(number) for number in found[1].split("-")[1:])
        given = zip(self.options, found.groups()[1:], strict=True)
        chosen = {one.argument: one.value_of(word) for one, word in given if word is not None}
        return partial(self._function, *((numbers,) if self.many else numbers), **chosen)

    def name_of(self, builder: Any) -> str | None:
        """The name of a builder: the family's function or a `partial` of it; or None."""
        called = builder if isinstance(builder, partial) else partial(builder)
        signature = inspect.signature(self._function)
        try:
            given = signature.bind(*called.args, **called.keywords)
        except TypeError:  # sizes are wanting
            return None
        if not given.arguments.keys().isdisjoint(_REST):
            return None  # it is built for one data set's shape
        given.apply_defaults()
        sizes = [given.arguments[size] for size in self.sizes]
        if self.many:
            sizes = list(sizes[0]) if isinstance(sizes[0], tuple | list) else []
        if (self.many and not sizes) or any(type(one) is not int or one < 1 for one in sizes):
            return None
        words = [str(size) for size in sizes]
        for option in self.options:
            value = given.arguments[option.argument]
            if value != signature.parameters[option.argument].default:
                word = option.word_of(value)
                if word is None:
                    return None
                words.append(word)
        return "-".join([self.name, *words])

    def is_built_by(self, function: object) -> bool:
        """Whether a function is the family's, told without importing it."""
        return getattr(function, "__name__", "") == self.function and function is self._function

    @property
    def _function(self) -> Any:
        return getattr(import_module(_MODULE), self.function)


def _same(*words: str) -> dict[str, Any]:
    return {word: word for word in words}


_ACTIVATION = Option(
    "activation",
    "ACTIVATION",
    _same("leaky-relu", "prelu", "absolute", "maxout", "sigmoid", "tanh", "radial", "none"),
    default="relu",
)
_NORMALISATION = Option(
    "normalise", "batch|layer|noisy-batch", _same("batch", "layer", "noisy-batch")
)
_WIDTH = Option("width", "kWIDTH", before="k")
_INSTEAD = _same("layer", "noisy-batch") | {"unnormalised": None}  # of a batch normalisation

FAMILIES = (
    Family(
        "mlp",
        "mlp",
        ("widths",),
        "mlp-100-50",
        (
            _ACTIVATION,
            _NORMALISATION,
            Option("dropout", "dropout0.5", before="dropout", whole=False),
            Option("input_dropout", "input-dropout0.2", before="input-dropout", whole=False),
        ),
        many=True,
    ),
    Family("chain", "chain", ("depth", "width"), "chain-20-64", (_ACTIVATION, _NORMALISATION)),
    Family("resnet-18", "resnet18", (), "resnet-18-k8", (_WIDTH,)),
    Family(
        "resnet",
        "resnet",
        ("depth",),
        "resnet-20",
        (
            _WIDTH,
            Option("shortcuts", "plain", {"plain": False}),
            Option("normalise", "|".join(_INSTEAD), _INSTEAD, default="batch"),
        ),
    ),
    Family("densenet", "densenet", ("depth", "growth"), "densenet-40-12"),
    Family("vgg", "vgg", ("depth",), "vgg-11", (_WIDTH, _NORMALISATION)),
    Family("conv5", "conv5", ("width",), "conv5-64"),
)
"""The families; of two that a name would fit the first is meant."""
