"""The numbers of a report in plain sentences. Accuracies become percent here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Numbers = Mapping[str, Any]

CRITERIA = {
    "magnitude": "the shortest weight vectors first (magnitude)",
    "frame_potential": "the units least like the others first (frame potential)",
    "inner_product": "the units of the least mean inner product first",
    "raw_frame_potential": "the units of the least raw frame potential first",
}
SPACE = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Finding:
    """One answer, and what it rests on."""

    answer: str
    evidence: str


def percent(fraction: float, digits: int = 1) -> str:
    """A fraction in percent, e.g. 0.9712 -> "97.1 %"; the space does not break a line."""
    return f"{100 * fraction:.{digits}f}{SPACE}%"


def points(change: float, *, signed: bool = True) -> str:
    """A change of a fraction in points, e.g. -0.0123 -> "−1.2"; zero has no sign."""
    text = f"{100 * change:{'+' if signed else ''}.1f}"
    return "0.0" if float(text) == 0 else text.replace("-", "−")


def plus_minus(spread: Numbers) -> str:
    """A mean and its standard deviation, e.g. "61 ± 14"."""
    return f"{spread['mean']:.0f} ± {spread['sd']:.0f}"


def allowance(loss: float) -> str:
    """The loss that is allowed, in words."""
    return "a point" if loss == 0.01 else f"{100 * loss:g} points"


def headline(summary: Numbers) -> str:
    """The answer in one or two sentences: how much of each layer can go, and what that costs."""
    loss = allowance(summary["settings"]["loss"])
    found = {name: layer["removal"] for name, layer in summary["layers"].items()}
    slack = {name: removal for name, removal in found.items() if removal and removal["removable"]}
    if not slack:
        return f"No layer has a unit that could go for at most {loss} of accuracy."
    units = {name: summary["layers"][name]["units"] for name in slack}
    parts = [f"{slack[name]['removable']} of {units[name]} units of {name}" for name in slack]
    costs = [f"{points(-slack[name]['test']['change'], signed=False)} ({name})" for name in slack]
    return (
        f"{'One layer at a time, ' if len(found) > 1 else ''}{_joined(parts)} can go for at most "
        f"{loss} of accuracy on the validation images. On the test images the cost is, in points, "
        f"{_joined(costs)}."
    )


def unfinished(summary: Numbers) -> str | None:
    """That the run has not finished, and which weights these are; None if it has."""
    run = summary["run"]
    if run["status"] == "done":
        return None
    planned = run["planned_steps"]
    of = "" if planned is None else f" of {planned:,}"
    how = "it is being trained" if run["status"] == "running" else "its training was interrupted"
    return (
        f"This run is not finished ({how}): these are its weights at step {run['steps']:,}{of}, "
        "and “after training” on this page means at that step."
    )


def layer_words(name: str, summary: Numbers) -> list[Finding]:
    """What was found in a layer, the answer to each question first."""
    layer, loss = summary["layers"][name], summary["settings"]["loss"]
    found = [_removal(layer, loss), _movement(layer), _clusters(layer), _rank(layer, loss)]
    found += [_spikes(layer), _images(layer, summary)]
    return [finding for finding in found if finding is not None]


def _removal(layer: Numbers, loss: float) -> Finding:
    removal, units = layer["removal"], layer["units"]
    if removal is None:
        return Finding("No units were removed.", "")
    if removal["removable"] == 0:
        return Finding(
            f"None of {units} units can go.",
            "In this sense the layer is not redundant: by every criterion, removing the first unit "
            f"already costs more than {allowance(loss)} on the validation images.",
        )
    how = CRITERIA.get(removal["criterion"], removal["criterion"].replace("_", " "))
    return Finding(
        f"{removal['removable']} of {units} units ({percent(removal['share'], 0)}) can go,",
        f"{how}; {_against_random(removal)} {_test(removal['test'], loss)} As many units removed "
        f"at random leave {_random_left(removal['random_test'])}.",
    )


def _against_random(removal: Numbers) -> str:
    random = removal["random"]
    text = f"in random order it is {plus_minus(random)}."
    if removal["removable"] <= random["mean"] + random["sd"]:
        text += " So no criterion is clearly better than chance here."
    return text


def _random_left(spread: Numbers) -> str:
    return f"{100 * spread['mean']:.1f} ± {100 * spread['sd']:.1f}{SPACE}% of the test images right"


def _test(test: Numbers, loss: float) -> str:
    """Before, after and the paired interval, and what they say about the loss allowed."""
    return (
        f"Test accuracy goes from {percent(test['before'])} to {percent(test['after'])} "
        f"({points(test['change'])} points; 95{SPACE}% interval {points(test['lower'])} to "
        f"{points(test['upper'])}; {test['images']:,} images): {_verdict(test, loss)}"
    )


def _verdict(test: Numbers, loss: float) -> str:
    allowed = allowance(loss)
    if test["lower"] >= -loss:
        return f"on new images too the loss is under {allowed}."
    if test["upper"] < -loss:
        return f"on new images the loss is larger than {allowed}."
    return f"too few images to say whether on new ones the loss is under {allowed}."


def _movement(layer: Numbers) -> Finding | None:
    moved = layer["movement"]
    if moved is None:
        return None
    count, share = moved["hardly_moved"], percent(moved["share"], 0)
    return Finding(f"{_count(count, 'unit')} ({share}) hardly moved", "during training.")


def _clusters(layer: Numbers) -> Finding | None:
    graph = layer["graph"]
    final = graph["final"]
    if final is None:
        return None
    linked, same = layer["units"] - final["isolated"], f"inner product from {graph['cluster']:.2g}"
    answer, members = "No cluster of nearly equal units", ""
    if final["clusters"]:
        answer = f"{_count(final['clusters'], 'cluster')} of nearly equal units"
        members = f" with {_count(final['in_clusters'], 'unit')} in all"
    return Finding(
        answer,
        f"({same}){members}; {_count(linked, 'unit')} share a direction with another more than "
        f"chance would bring about (from {graph['link']:.2f}), {final['isolated']} stand alone.",
    )


def _rank(layer: Numbers, loss: float) -> Finding | None:
    weights, update = layer["rank"]["weights"], layer["rank"]["update"]
    if weights is None:
        return None
    text = f"but for {allowance(loss)}. {_test(weights['test'], loss)}"
    if update is not None:
        text += (
            f" Of what training added (W − Z) a rank of {update['rank']} is enough: the initial "
            "weights Z stay as they were, only the change is projected."
        )
    return Finding(f"A rank of {weights['rank']} of {weights['full']} keeps the accuracy", text)


def _spikes(layer: Numbers) -> Finding | None:
    before, after = layer["spectrum"]["initial"], layer["spectrum"]["final"]
    if after is None:
        return None
    text = "" if before is None else f"Before training {before['spikes']} did."
    if not after["fits"]:
        text += (
            " The others no longer look like noise of one variance either, so the edge between "
            "them is a description, not a test."
        )
    return Finding(
        f"{after['spikes']} of {after['eigenvalues']} eigenvalues stand above the noise.",
        text.strip(),
    )


def _images(layer: Numbers, summary: Numbers) -> Finding | None:
    used, every = layer["images"], summary["accuracy"]
    if used["test"] == every["test"]["images"]:
        return None
    return Finding(
        f"Measured on {used['validation']:,} validation and {used['test']:,} test images,",
        f"drawn at random from {every['validation']['images']:,} and {every['test']['images']:,}, "
        "because each removal and projection takes a pass through the rest of the network.",
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def caution(summary: Numbers) -> str:
    """How far a point can be trusted on so many validation images."""
    accuracy, loss = summary["accuracy"]["validation"], summary["settings"]["loss"]
    images = accuracy["images"]
    worth = images * loss
    text = (
        f"What may go was chosen on {images:,} validation images, of which "
        f"{allowance(loss)} is {worth:.3g}; the test images chose nothing. "
    )
    if worth < 20:
        text += (
            "So few images make the choice uncertain: the network's own validation accuracy of "
            f"{percent(accuracy['estimate'])} is known only to lie between "
            f"{percent(accuracy['lower'])} and {percent(accuracy['upper'])} (95{SPACE}% "
            "interval). Read the numbers of units and the ranks as estimates, and the test "
            "accuracy as the check."
        )
    return text.strip()


def _joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
