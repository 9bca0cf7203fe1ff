"""What a measurement looks at: a layer before and after training, and the data to test on."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from jaxtyping import Float
from torch import Tensor, nn

from surfeit.core import Split, Streams
from surfeit.models import Structure
from surfeit.models.structure import Layer
from surfeit.report.config import ReportConfig
from surfeit.report.network import Network
from surfeit.report.work import work_of
from surfeit.report.worth import Worth

FEWEST_IMAGES = 100


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One layer of a trained network.

    Args:
        layer: what is known of it.
        network: that it belongs to.
        validation, test: the examples to choose and to test on.
        obstacle: why its units are not removed, a sentence's end; None if they are.
    """

    layer: Layer
    network: Network
    validation: Split
    test: Split
    obstacle: str | None

    @property
    def name(self) -> str:
        """The layer's dotted name."""
        return self.layer.name

    @property
    def worth(self) -> Worth:
        """How networks are judged."""
        return self.network.worth

    @property
    def model(self) -> nn.Module:
        """The trained network."""
        return self.network.model

    @property
    def structure(self) -> Structure:
        """The network's structure."""
        return self.network.structure

    @cached_property
    def initial(self) -> Float[Tensor, "units inputs"] | None:
        """The layer's weight matrix at step 0; None if the run kept none."""
        before = self.network.initial
        return None if before is None else self.layer.matrix(before)

    @cached_property
    def weight(self) -> Float[Tensor, "units inputs"]:
        """The layer's trained weight matrix."""
        return self.layer.matrix(self.model)

    @property
    def splits(self) -> dict[str, Split]:
        """The splits that the layer is measured on, by name."""
        return {"validation": self.validation, "test": self.test}

    @property
    def together(self) -> tuple[str, ...]:
        """The layers whose units go together with this one's, itself included; else empty."""
        if self.structure.obstacle is not None:
            return ()
        members = self.structure.members(self.name)
        return members if len(members) > 1 else ()

    @property
    def normalisations(self) -> tuple[str, ...]:
        """The normalisations over units that read the units."""
        if self.structure.obstacle is not None:
            return ()
        readers = [
            reader
            for member in self.structure.members(self.name)
            for reader in self.structure.readers(member)
        ]
        found = (reader.name for reader in readers if reader.kind == "normalisation")
        return tuple(dict.fromkeys(found))

    def stages(self) -> Iterator[tuple[str, Float[Tensor, "units inputs"]]]:
        """The layer's weight matrix at initialisation, where known, and after training."""
        if self.initial is not None:
            yield "initial", self.initial
        yield "final", self.weight


def subjects(network: Network, config: ReportConfig) -> list[Subject]:
    """The layers to measure: those named, or all but outputs, unused ones and embeddings.

    Where the network cannot be followed nobody knows which layers are outputs: they are measured.
    So are those of a network that has no others.

    Raises:
        ValueError: if a layer named is not in the model, or the model has none.
    """
    structure = network.structure
    names = list(config.layers) if config.layers is not None else _usual(structure)
    if not names:
        raise ValueError(
            "the network has no layer with weights that inputs are multiplied with: there is "
            "nothing to measure"
        )
    found: list[Subject] = []
    for name in names:
        found.append(_subject(network, structure.layer(name), config, found))
    return found


def _usual(structure: Structure) -> list[str]:
    weighed = [name for name, layer in structure.layers.items() if layer.multiplies]
    if structure.obstacle is not None:
        return weighed
    used = [name for name in weighed if name not in structure.unused]
    return [name for name in used if name not in structure.outputs] or used


def _subject(
    network: Network, layer: Layer, config: ReportConfig, before: list[Subject]
) -> Subject:
    most, obstacle = _limits(network, layer, config)
    streams = Streams(config.seed)
    data = network.dataset
    return Subject(
        layer=layer,
        network=network,
        validation=data.validation.some(most, streams.get("report", "images", "validation")),
        test=data.test.some(most, streams.get("report", "images", "test")),
        obstacle=_refusal(layer, network.structure, before) or obstacle,
    )


def _refusal(layer: Layer, structure: Structure, before: list[Subject]) -> str | None:
    """Why units of a layer are not removed in this report, whatever it costs."""
    if structure.obstacle is not None:
        return structure.obstacle
    if layer.units == 1:
        return "it has only one unit"
    reason = structure.why_not_removable(layer.name)
    if reason is not None:
        return reason
    together = set(structure.members(layer.name)) - {layer.name}
    first = next((other.name for other in before if other.name in together), None)
    if first is not None:
        return f"its units go together with those of {first!r}, and were removed there"
    return None


def _limits(network: Network, layer: Layer, config: ReportConfig) -> tuple[float, str | None]:
    """The most examples of a split to measure on, and what forbids removals, if anything."""
    convolution = layer.kind in ("convolution", "transposed convolution")
    most = config.convolution_images if convolution else math.inf
    if config.layers is not None:
        return most, None
    work = work_of(network.model, layer.name, network.example, config)
    budget, obstacle = config.work / 2, None  # two splits share it
    least = min(FEWEST_IMAGES, most)
    if budget < least * (work.removals + work.ranks):
        obstacle = (
            f"on {least} {network.noun} its removal curves would take about "
            f"{2 * least * work.removals:.0e} multiplications; name the layer to have them all "
            "the same"
        )
        return min(most, max(least, budget // max(work.ranks, 1))), obstacle
    return min(most, budget // max(work.removals + work.ranks, 1)), obstacle
