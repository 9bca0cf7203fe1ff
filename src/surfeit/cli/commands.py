"""The commands: where each is, and its first sentence, for the list of commands."""

from cyclopts import App

import surfeit

VERSION_FLAGS = ("--version", "-V")

COMMANDS = {
    "demo": (
        "surfeit.cli.demo:demo",
        "Train a network, then report where it is redundant; print the report's path on stdout.",
    ),
    "train": (
        "surfeit.cli.training:train",
        "Train a network while recording it; print the run's key, alone, on stdout.",
    ),
    "inspect": (
        "surfeit.cli.demo:inspect",
        "Report where a recorded network is redundant; print the report's path on stdout.",
    ),
    "structure": (
        "surfeit.cli.structure:structure",
        "Print a network at a glance: layers, units, weights, who reads whose units, groups.",
    ),
    "view": (
        "surfeit.cli.viewing:view",
        "Look at runs in the browser; print the page's address on stdout. Ctrl-C ends it.",
    ),
    "export": (
        "surfeit.cli.viewing:export",
        "Write a layer's graph over the training as one HTML file; print its path on stdout.",
    ),
    "figure": (
        "surfeit.cli.viewing:figure",
        "Draw a view that was saved from the page again, as a figure; print its path on stdout.",
    ),
    "prune": (
        "surfeit.cli.pruning:prune",
        "Remove a layer's units one by one, by every criterion and at random; no retraining.",
    ),
    "curvature": (
        "surfeit.cli.curvature:curvature",
        "Measure how the loss bends around a network's weights: the eigenvalues of its Hessian.",
    ),
    "landscape": (
        "surfeit.cli.landscape:landscape",
        "Draw the loss around a network's weights, along its training, or between networks.",
    ),
    "tickets": (
        "surfeit.cli.tickets:tickets",
        "Find lottery tickets, level by level, and train the controls that they are judged by.",
    ),
    "anatomy": (
        "surfeit.cli.anatomy:anatomy",
        "Look at tickets: where their weights lie, how far they travel, which signs they change.",
    ),
    "instability": (
        "surfeit.cli.instability:instability",
        "Train two networks on from one's weights at a step, and measure the line between their "
        "ends.",
    ),
    "connect": (
        "surfeit.cli.connect:connect",
        "Measure paths between two runs: straight, with units matched, repaired, and curved.",
    ),
    "supermasks": (
        "surfeit.cli.supermasks:supermasks",
        "Put masks on untrained networks and measure them: from criteria, learned, and edge-popup.",
    ),
    "study": (
        "surfeit.cli.study:study",
        "Try a claim of the literature: train, measure, judge; print each verdict.",
    ),
    "studies": (
        "surfeit.cli.study:studies",
        "List the studies: their claims, questions and costs, and what was found so far.",
    ),
    "claims": (
        "surfeit.cli.claims:claims",
        "Show what each claim of the literature says, and what was found here.",
    ),
}
"""Each command's function, and the first sentence of its docstring."""

GROUPS = {
    "runs": (
        "surfeit.cli.runs:app",
        "List, show, verify, name, tag, thin and delete runs; what probes saw.",
    ),
    "data": ("surfeit.cli.datasets:app", "List and fetch data sets."),
}
"""The same of commands that have commands of their own."""


def command_group(name: str, words: str) -> App:
    """An empty group of commands, such as `surfeit runs`, whose help begins with these words."""
    return App(
        name=name,
        help=words,
        help_format="markdown",
        help_epilogue="",  # what holds for all commands is told once
        version=surfeit.__version__,
        version_flags=VERSION_FLAGS,
    )
