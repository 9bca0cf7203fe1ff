"""The guide is followed from the guide alone: its example is a study, and its snippets run."""

import json
import re
import subprocess
import sys
from dataclasses import replace

from surfeit.core import evaluate
from surfeit.execute import Derived
from surfeit.lab import Lab, pool
from surfeit.lab.results import FILES, RECORD
from surfeit.train import Recipe

from .files import GUIDE, guide_example


def surfeit(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "surfeit", *arguments, "--root", "store"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )


def test_the_guides_study_is_short_and_runs_as_the_guide_says(tmp_path):
    assert len([line for line in guide_example().splitlines() if line.strip()]) <= 50
    (tmp_path / "mine.py").write_text(guide_example())
    listed = surfeit(tmp_path, "study", "./mine.py", "--dry-run")
    assert listed.stdout.count("to do") == 6
    first = surfeit(tmp_path, "study", "./mine.py", "--budget", "quick")
    assert first.stdout.splitlines()[1].split("\t")[:2] == ["M1", "supported"]
    (folder,) = (tmp_path / "store" / "results" / "mine").glob("*")
    assert {*FILES, RECORD} <= {path.name for path in folder.iterdir()}
    again = surfeit(tmp_path, "study", "mine.py", "--quiet")
    assert again.stdout == first.stdout
    assert again.stderr == ""
    assert "mine" in surfeit(tmp_path, "claims").stdout


def test_what_the_guide_prints_is_what_comes_out(tmp_path):
    """The verdict in the guide is the one that its study gives."""
    (tmp_path / "mine.py").write_text(guide_example())
    surfeit(tmp_path, "study", "mine.py")
    (record,) = tmp_path.glob("store/results/mine/*/verdicts.json")
    (verdict,) = json.loads(record.read_text())["verdicts"]
    said = re.search(r"^M1 supported: (\S+) of the length", GUIDE.read_text(), re.MULTILINE)
    assert said is not None
    assert abs(float(said[1]) - verdict["effect"]) < 0.02


def test_the_guides_derived_training_runs(tmp_path, lab: Lab):
    snippet = re.search(r"```python\nfrom functools.*?```", GUIDE.read_text(), re.DOTALL)
    assert snippet is not None
    text = snippet[0].removeprefix("```python\n").removesuffix("```")
    module = tmp_path / "snippet_of_the_guide.py"
    module.write_text("from dataclasses import replace\n\n" + text.partition("jobs = {")[0])
    sys.path.insert(0, str(tmp_path))
    try:
        import snippet_of_the_guide as snippet  # pyright: ignore[reportMissingImports]

        first = lab.job("mlp-8", "digits", Recipe(epochs=1))
        scope = vars(snippet) | {"first": first, "replace": replace, "Derived": Derived}
        exec("jobs = {" + text.partition("jobs = {")[2], scope)
        runs = lab.train(scope["jobs"])
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop("snippet_of_the_guide", None)
    assert list(runs) == ["first", "second"]
    assert "mask" in runs["second"].config


def test_names_that_the_guide_gives_are_there():
    for name in re.findall(r"POOL_[A-Z_]+", GUIDE.read_text()):
        assert hasattr(pool, name)


def test_what_the_guide_says_of_runs_and_data_is_there(lab: Lab):
    text = GUIDE.read_text().partition("## Measuring")[2].partition("\n- ")[0]
    run = lab.train({"one": lab.job("mlp-8", "digits", Recipe(epochs=1))})["one"]
    scope = {"run": run, "dataset": lab.data("digits"), "evaluate": evaluate, "step": 0}
    named = re.findall(r"`((?:run|dataset|evaluate)[.(][^`]*)`", text)
    assert len(named) > 9
    for code in named:
        assert eval(code, scope) is not None, code
    assert 0 <= eval(next(one for one in named if "test_accuracy" in one), scope) <= 1
