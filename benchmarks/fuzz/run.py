"""Fuzzes every reader of files that may come from anywhere, some at a time; see README.md.

    python benchmarks/fuzz/run.py --minutes 60 [--only READER ...] [--at-once 2] [--work DIR]

Prints what each reader went through: executions, coverage, findings. Inputs that were found are in
WORK/findings; `--keep` copies the small ones to tests/fuzz/corpus, where the tests replay them.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[1]
_LEAST_SECONDS = 5
_SPARE_SECONDS = 120  # to load torch, to read the corpus and to end
_MOST_STARTS = 20
_LARGEST_KEPT = 1 << 14
_PROCESSES: set[subprocess.Popen[bytes]] = set()


@dataclass(frozen=True)
class Result:
    """What one reader went through.

    Args:
        reader: its name.
        executions: inputs read.
        coverage: edges of surfeit's code that were reached, at the most.
        starts: of the process; more than one where inputs ended it.
        findings: the names of the inputs that were found, in this and in earlier calls.
        fault: why the fuzzing could not go on, if it could not.
    """

    reader: str
    executions: int
    coverage: int
    starts: int
    findings: tuple[str, ...]
    fault: str = ""


def main() -> None:
    """Fuzzes, tells, and exits with 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--minutes", type=float, required=True, help="of all readers together")
    parser.add_argument("--only", nargs="+", metavar="READER", help="these alone")
    parser.add_argument("--at-once", type=int, default=2, help="processes side by side")
    parser.add_argument("--work", type=Path, default=_ROOT / "build" / "fuzz")
    parser.add_argument("--memory", type=int, default=1024, help="MiB that a process may take")
    parser.add_argument("--keep", action="store_true", help="copy findings to tests/fuzz/corpus")
    given = parser.parse_args()
    readers = _readers()
    unknown = sorted(set(given.only or ()) - set(readers))
    if unknown:
        parser.error(f"no reader {unknown[0]!r}: one of {', '.join(readers)}")
    chosen = [name for name in readers if not given.only or name in given.only]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    seconds = max(_LEAST_SECONDS, int(given.minutes * 60 * given.at_once / len(chosen)))
    print(f"{len(chosen)} readers, {seconds} s each, {given.at_once} at once, in {given.work}")
    with ThreadPoolExecutor(given.at_once) as pool:
        waiting = [pool.submit(_fuzz, name, seconds, given.work, given.memory) for name in chosen]
        results = [future.result() for future in waiting]
    _tell(results)
    if given.keep:
        _keep(results, given.work)
    sys.exit(any(result.findings or result.fault for result in results))


def _readers() -> list[str]:
    """The readers' names, by a process of their own: torch need not be loaded here."""
    code = "from fuzz.readers import READERS; print(*READERS)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=_environment(), capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout.split()


def _environment() -> dict[str, str]:
    paths = [str(_ROOT / "src"), str(_HERE.parent), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "OMP_NUM_THREADS": "1",
    }


def _fuzz(name: str, seconds: int, work: Path, memory: int) -> Result:
    """One reader until its time is up, started again where an input ended its process."""
    logs, findings = work / "logs", work / "findings" / name
    logs.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + seconds
    executions = coverage = starts = 0
    fault = ""
    while (left := int(end - time.monotonic())) >= _LEAST_SECONDS or not starts:
        log = logs / f"{name}-{starts}.txt"
        code = _once(name, max(left, _LEAST_SECONDS), work, memory, log)
        text = log.read_text(errors="replace")
        executions += _executions(text)
        coverage = max([coverage, *map(int, re.findall(r"cov: (\d+)", text))])
        starts += 1
        if code == 0:
            break
        if "Test unit written to" not in text or starts == _MOST_STARTS:
            fault = f"ended with exit code {code} after {starts} starts, see {log}"
            break
    result = Result(name, executions, coverage, starts, tuple(_found(findings)), fault)
    print(f"{name}: {executions:,} executions, {len(result.findings)} found {fault}", flush=True)
    return result


def _once(name: str, seconds: int, work: Path, memory: int, log: Path) -> int:
    command = [
        *(sys.executable, str(_HERE / "target.py"), name),
        *("--work", str(work), "--seconds", str(seconds), "--memory", str(memory)),
    ]
    # A folder of its own: what an ended process leaves goes with it.
    shared = "/dev/shm" if Path("/dev/shm").is_dir() else None  # files are written all the time
    with (
        tempfile.TemporaryDirectory(prefix="surfeit-fuzz-", dir=shared) as folder,
        log.open("w") as file,
    ):
        environment = {**_environment(), "TMPDIR": folder}
        process = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, env=environment, cwd=folder
        )
        _PROCESSES.add(process)
        try:
            return process.wait(seconds + _SPARE_SECONDS)
        except subprocess.TimeoutExpired:
            return -1
        finally:
            process.kill()
            process.wait()
            _PROCESSES.discard(process)


def _stop(number: int, frame: FrameType | None) -> None:
    """Ends the processes with this one: the threads that wait for them then end too."""
    for process in list(_PROCESSES):
        process.kill()
    os._exit(128 + number)


def _executions(text: str) -> int:
    said = re.findall(r"stat::number_of_executed_units:\s+(\d+)", text)
    counted = re.findall(r"^#(\d+)", text, re.MULTILINE)
    return int((said or counted or ["0"])[-1])


def _found(findings: Path) -> list[str]:
    kinds = ("fault-", "crash-", "timeout-", "oom-", "leak-", "slow-unit-")
    names = sorted(path.name for path in findings.glob("*") if path.name.startswith(kinds))
    return [name for name in names if not name.endswith(".txt")]


def _tell(results: Sequence[Result]) -> None:
    rows: list[tuple[str, ...]] = [("reader", "executions", "coverage", "starts", "findings")]
    for one in results:
        numbers = (one.executions, one.coverage, one.starts, len(one.findings))
        rows.append((one.reader, *(f"{number:,}" for number in numbers)))
    total = sum(one.executions for one in results), sum(len(one.findings) for one in results)
    rows.append(("all", f"{total[0]:,}", "", "", f"{total[1]:,}"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        first, *others = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join([first.strip().ljust(widths[0]), *others]))
    for one in results:
        for name in one.findings:
            print(f"found by {one.reader}: {name}")
        if one.fault:
            print(f"{one.reader} {one.fault}")


def _keep(results: Sequence[Result], work: Path) -> None:
    for one in results:
        for name in one.findings:
            source = work / "findings" / one.reader / name
            target = _ROOT / "tests" / "fuzz" / "corpus" / one.reader / name
            if source.stat().st_size <= _LARGEST_KEPT:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
                print(f"kept {target.relative_to(_ROOT)}")


if __name__ == "__main__":
    main()
