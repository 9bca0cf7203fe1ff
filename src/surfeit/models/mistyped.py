"""Which word is wrong in a name with a family's first word and sizes that is none of its names."""

import re

from surfeit.core import unknown
from surfeit.models.families import Family, Option


def fault_in(name: str, family: Family) -> str | None:
    """What keeps a name from being one of the family's; None if its sizes are wrong already.

    >>> fault_in("mlp-32-batch-tanh", mlp)
    "with its options in order it is 'mlp-32-tanh-batch'"
    """
    found = re.fullmatch(f"({family.name}{family.sizes_pattern})-(.*)", name, re.ASCII)
    if found is None:
        return None
    sized, rest = found.groups()
    if not family.options:
        return f"such a name ends with its sizes, as {sized!r} does, got {rest!r} behind them"
    said: dict[str, str] = {}
    for word in _words(rest, family):
        option = _option_of(word, family)
        if option is None:
            return _no_option(word, family)
        if option.argument in said:
            return f"{said[option.argument]!r} and {word!r} say the same option: leave one out"
        said[option.argument] = word
    ordered = [said[option.argument] for option in family.options if option.argument in said]
    return f"with its options in order it is {'-'.join([sized, *ordered])!r}"


def _words(rest: str, family: Family) -> list[str]:
    """The words behind the sizes: those of options, dashes in them included, and any others."""
    known = "|".join(option.pattern for option in family.options)
    return re.findall(rf"(?:{known})(?=-|$)|[^-]+", rest, re.ASCII)


def _option_of(word: str, family: Family) -> Option | None:
    fits = (one for one in family.options if re.fullmatch(one.pattern, word, re.ASCII))
    return next(fits, None)


def _no_option(word: str, family: Family) -> str:
    if any(word == option.default for option in family.options):
        return f"{word!r} is the default, which is not named: leave it out"
    allowed = [word for option in family.options for word in option.words or [option.form]]
    return f"there is {unknown('option', word, allowed)}"
