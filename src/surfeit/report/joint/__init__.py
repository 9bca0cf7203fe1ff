"""What the whole network can do without: units of all measured layers removed together."""

from collections.abc import Mapping
from types import MappingProxyType

import pyarrow as pa

from surfeit.report.joint.measuring import measure_joint
from surfeit.report.joint.numbers import joint_numbers
from surfeit.report.joint.section import joint_section
from surfeit.report.joint.wording import joint_entries, joint_sentences

__all__ = [
    "SCHEMAS",
    "joint_entries",
    "joint_numbers",
    "joint_section",
    "joint_sentences",
    "measure_joint",
]

_NUMBER, _WHOLE, _TEXT = pa.float64(), pa.int64(), pa.string()
SCHEMAS: Mapping[str, pa.Schema] = MappingProxyType(
    {
        "joint_path": pa.schema([("step", _WHOLE), ("layer", _TEXT), ("removed", _WHOLE)]),
        "joint": pa.schema(
            [
                ("split", _TEXT),
                ("order", _TEXT),
                ("repeat", _WHOLE),
                ("step", _WHOLE),
                ("removed", _WHOLE),
                ("accuracy", _NUMBER),
                ("loss", _NUMBER),
                ("examples", _WHOLE),
                ("lost", _WHOLE),
                ("gained", _WHOLE),
            ]
        ),
        "joint_answer": pa.schema(
            [
                ("steps", _WHOLE),
                ("estimate", _WHOLE),
                ("lower", _WHOLE),
                ("upper", _WHOLE),
                ("loss", _NUMBER),
                ("confidence", _NUMBER),
                ("examples", _WHOLE),
                ("why_no_bounds", _TEXT),
                ("test_variance", _NUMBER),
                ("left_out", _TEXT),
            ]
        ),
        "costs": pa.schema(
            [
                ("of", _TEXT),
                ("step", _WHOLE),
                ("parameters", _WHOLE),
                ("multiply_adds", _WHOLE),
                ("bytes", _WHOLE),
                ("unknown", _TEXT),
            ]
        ),
    }
)
"""The tables of joint removal.

"joint_path" says how many units of each layer are gone after each step, "joint" what the network is
worth then (`order` is "path", or "random" for as many drawn units of each layer at a single step),
"joint_answer" how many steps cost what may be lost at most (`test_variance` is that of the targets
it was judged on, where R² is reported), and "costs" what the whole network
takes and what is left of it: `of` is "whole", "lower" (the bound) or "estimate".
"""
