"""Blocks that torch has not, which a description can name and build again.

Two hold other networks (`Residual`, `Concatenated`), the others are activations, a layer of radial
basis units, and a noise. `models.architecture` knows them all: what is not among them, or among
torch's own modules, is never built from a description.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


class Residual(nn.Module):
    """What a network gives, added to its input: `body(x) + shortcut(x)`.

    Args:
        body: a network.
        shortcut: what the input passes on its way around the body; by default it is left as it is.

    Raises:
        ValueError: when called, if the two give other shapes: nothing is repeated until it fits.

    Source: He, Zhang, Ren and Sun 2016, equation 1.
    """

    def __init__(self, body: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.body = body
        self.shortcut = nn.Identity() if shortcut is None else shortcut

    def forward(self, x: Tensor) -> Tensor:
        """The sum, of the shape that both have."""
        changed, kept = self.body(x), self.shortcut(x)
        if changed.shape != kept.shape:
            raise ValueError(
                "body and shortcut of a Residual must give the same shape, got "
                f"{list(changed.shape)} and {list(kept.shape)}"
            )
        return changed + kept


class Concatenated(nn.Module):
    """A network's input and what the network gives, side by side: `[x, body(x)]` along axis 1.

    Args:
        body: a network that keeps all axes but the first after the examples'.

    Source: Huang, Liu, van der Maaten and Weinberger 2017, equation 2.
    """

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        """[n, channels of x + channels of the body, ...]."""
        return torch.cat([x, self.body(x)], dim=1)


class Absolute(nn.Module):
    """The absolute value, `|x|`, as an activation.

    Source: Jarrett, Kavukcuoglu, Ranzato and LeCun 2009 (rectification).
    """

    def forward(self, x: Tensor) -> Tensor:
        """Of the shape of the input."""
        return x.abs()


class Maxout(nn.Module):
    """The largest of so many consecutive channels: `h_u = max_j x[u * pieces + j]`.

    It follows a layer of units * pieces channels and leaves units.

    Args:
        pieces: channels that make a unit, at least 1.

    Raises:
        ValueError: if `pieces` is not a positive integer; when called, if the channels are not a
            multiple of it.

    Source: Goodfellow, Warde-Farley, Mirza, Courville and Bengio 2013, equation 1.
    """

    def __init__(self, pieces: int) -> None:
        super().__init__()
        if isinstance(pieces, bool) or not isinstance(pieces, int) or pieces < 1:
            raise ValueError(f"pieces must be an integer of at least 1, got {pieces!r}")
        self.pieces = pieces

    def forward(self, x: Float[Tensor, "n channels *rest"]) -> Float[Tensor, "n units *rest"]:
        """The largest of each unit's channels, which lie along axis 1."""
        if x.shape[1] % self.pieces:
            raise ValueError(
                f"a Maxout of {self.pieces} pieces takes a multiple of {self.pieces} channels, got "
                f"{x.shape[1]}"
            )
        return x.unflatten(1, (-1, self.pieces)).amax(2)

    def extra_repr(self) -> str:
        """The options."""
        return f"pieces={self.pieces}"


class RadialBasis(nn.Module):
    """Units that answer to inputs near their centres: `h_u = exp(-||x - c_u||^2 / s_u^2)`.

    A unit of weight zero is not silent: its centre is the origin. Neither does a centre's zero cut
    a unit off from an input. `Structure` therefore lists the layer and follows its units, and says
    that its weights are no factors of what it reads (`Layer.multiplies`).

    Args:
        inputs: of the layer.
        units: how many.
        device: of the parameters.

    Attributes:
        weight: [units, inputs], the centres `c`, drawn from N(0, 1), as inputs are that are
            normalised.
        width: [units], the distances `s` at which an answer has fallen to 1 / e; at first
            `sqrt(inputs)`, so that no answer is lost in rounding.

    Raises:
        ValueError: if `inputs` or `units` is not a positive integer.

    Source: Broomhead and Lowe 1988; Goodfellow, Bengio and Courville 2016, section 6.3.3.
    """

    def __init__(
        self, inputs: int, units: int, *, device: torch.device | str | None = None
    ) -> None:
        super().__init__()
        for name, value in (("inputs", inputs), ("units", units)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be an integer of at least 1, got {value!r}")
        self.inputs, self.units = inputs, units
        self.weight = nn.Parameter(torch.empty(units, inputs, device=device))
        self.width = nn.Parameter(torch.empty(units, device=device))
        if not self.weight.is_meta:  # to draw what has no values takes torch seconds of imports
            self.draw_()

    @torch.no_grad()
    def draw_(self, generator: torch.Generator | None = None) -> None:
        """Draws the centres anew, and puts the widths back to where they begin."""
        self.weight.normal_(generator=generator)
        self.width.fill_(math.sqrt(self.inputs))

    def forward(self, x: Float[Tensor, "*n inputs"]) -> Float[Tensor, "*n units"]:
        """The answers, in (0, 1]."""
        # ||x||^2 - 2 x.c + ||c||^2: no tensor of examples, units and inputs is made. Rounding may
        # leave less than the distance zero.
        near = functional.linear(x, self.weight)
        squared = x.square().sum(-1, keepdim=True) - 2 * near + self.weight.square().sum(-1)
        return (-squared.clamp(min=0) / self.width.square()).exp()

    def extra_repr(self) -> str:
        """The options."""
        return f"inputs={self.inputs}, units={self.units}"


class ShiftNoise(nn.Module):
    """Noise that shifts every unit's distribution anew in each step of a training.

    `y = s x + m` in training mode, the input itself in evaluation mode. For each unit u and step
    `mu_u ~ U(-mean, mean)` and `sigma_u ~ U(1, scale)`; for each of its activations
    `m ~ U(mu_u - spread, mu_u + spread)` and `s ~ N(sigma_u, spread^2)`. Behind a batch
    normalisation it brings back an internal covariate shift.

    It draws from torch's global generator, as dropout does; a training lends that the seed of its
    step.

    Args:
        mean: the largest mean that is added, >= 0.
        scale: the largest mean factor, >= 1.
        spread: of the activations of one unit, >= 0.

    Raises:
        ValueError: if an option is out of its range.

    Source: Santurkar, Tsipras, Ilyas and Madry 2018, algorithm 1 (0.5, 1.25 and 0.1). What they
    call an activation is here a unit: of a convolution a channel.
    """

    def __init__(self, mean: float = 0.5, scale: float = 1.25, spread: float = 0.1) -> None:
        super().__init__()
        for name, value, least in (("mean", mean, 0), ("scale", scale, 1), ("spread", spread, 0)):
            if not isinstance(value, int | float) or not least <= value < math.inf:
                raise ValueError(f"{name} must be a number of at least {least}, got {value!r}")
        self.mean, self.scale, self.spread = float(mean), float(scale), float(spread)

    def forward(self, x: Float[Tensor, "n units *rest"]) -> Float[Tensor, "n units *rest"]:
        """The activations, whose units lie along axis 1, with their noise."""
        if not self.training:
            return x
        own = x.new_empty(x.shape[1], *[1] * (x.dim() - 2))
        means = torch.empty_like(own).uniform_(-self.mean, self.mean)
        factors = torch.empty_like(own).uniform_(1.0, self.scale)
        added = means + torch.empty_like(x).uniform_(-self.spread, self.spread)
        return x * (factors + self.spread * torch.randn_like(x)) + added

    def extra_repr(self) -> str:
        """The options."""
        return f"mean={self.mean}, scale={self.scale}, spread={self.spread}"


CONTAINERS: dict[type[nn.Module], tuple[str, ...]] = {
    Residual: ("body", "shortcut"),
    Concatenated: ("body",),
}
"""The blocks that hold networks, with the names of these."""

LEAVES: dict[type[nn.Module], tuple[str, ...]] = {
    Absolute: (),
    Maxout: ("pieces",),
    RadialBasis: ("inputs", "units"),
    ShiftNoise: ("mean", "scale", "spread"),
}
"""The blocks that hold no other modules, with the options that build them again."""

BLOCKS = frozenset((*CONTAINERS, *LEAVES))
"""All of them."""
