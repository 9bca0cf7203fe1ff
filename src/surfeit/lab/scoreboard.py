"""The scoreboard: what each claim of the literature says, and what was found here."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from surfeit.lab.results import Result
from surfeit.lab.study import BUDGETS, Claim, Study
from surfeit.lab.verdict import Verdict

NOT_RUN = "not run"


@dataclass(frozen=True, kw_only=True)
class Line:
    """A claim, with what one result says of it, or with none if it was not run.

    Args:
        study, question: whose claim it is.
        claim: what the literature says.
        result, verdict: what was found; None where it was not run.
        earlier: whether it was found by an earlier version of the study's file.
    """

    study: str
    question: str
    claim: Claim
    result: Result | None = None
    verdict: Verdict | None = None
    earlier: bool = False

    @property
    def ruling(self) -> str:
        """Supported, contradicted, inconclusive or not run."""
        if self.verdict is None:
            return NOT_RUN
        return self.verdict.ruling + (", by an earlier version of the study" * self.earlier)

    @property
    def published(self) -> str:
        """The published figures with their source."""
        figures = self.claim.published
        if not figures and self.claim.figure is not None:
            figures = f"{self.claim.figure:g}"
        source = self.claim.source
        return f"{figures} ({source})" if figures and source else figures or source

    @property
    def ours(self) -> str:
        """The effect measured here, with its interval."""
        return "" if self.verdict is None else self.verdict.effect_in_words()

    @property
    def size(self) -> str:
        """Budget and replicates."""
        if self.result is None or self.verdict is None:
            return ""
        return f"{self.result.budget}, n = {self.verdict.n}"

    @property
    def substitutes(self) -> str:
        """What this result was trained by in place of the published method, and why."""
        if self.result is None:
            return ""
        return "; ".join(f"{name}: {why}" for name, why in self.result.substitutes.items())

    @property
    def command(self) -> str:
        """What gives it again, or for the first time."""
        if self.result is None:
            return f"surfeit study {self.study} --budget laptop"
        return self.result.command


def scoreboard(studies: Iterable[Study], results: Sequence[Result]) -> list[Line]:
    """Every claim with every result of it, the best budget first; then results of other studies.

    Each result stands under the claim that it judged. Of a study that is not the library's, the
    newest result tells which version of its file is today's.

    Args:
        studies: the library's.
        results: those that there are, also of a user's own studies.
    """
    lines, known = [], {study.name: study for study in studies}
    for study in sorted(known.values(), key=_first_claim):
        own = _best_first((r for r in results if r.study == study.name), study.digest)
        for claim in sorted(study.claims, key=lambda claim: in_order(claim.id)):
            lines += _lines(claim, study.name, study.question, own, study.digest)
    others = sorted({result.study for result in results} - known.keys())
    for name in others:
        found = [result for result in results if result.study == name]
        newest = max(found, key=lambda result: result.created)
        own = _best_first(found, newest.digest)
        claims = {claim.id: claim for result in reversed(own) for claim in result.claims}
        for claim in claims.values():
            lines += _lines(claim, name, newest.question, own, newest.digest)
    return lines


def best(lines: Iterable[Line]) -> list[Line]:
    """The first line of each claim: of its best budget."""
    first: dict[tuple[str, str], Line] = {}
    for line in lines:
        first.setdefault((line.study, line.claim.id), line)
    return list(first.values())


def in_order(identifier: str) -> tuple[tuple[int, str], ...]:
    """Sorts B2 before B10, and D6a before D6b."""
    parts = re.findall(r"\d+|\D+", identifier)
    return tuple((int(part), "") if part.isdecimal() else (0, part) for part in parts)


def _first_claim(study: Study) -> tuple[tuple[tuple[int, str], ...], str]:
    return min(in_order(claim.id) for claim in study.claims), study.name


def _best_first(results: Iterable[Result], digest: str) -> list[Result]:
    """The largest budget first; within it today's version, more replicates, the newest."""

    def worth(result: Result) -> tuple[int, bool, int, str]:
        replicates = max((verdict.n for verdict in result.verdicts), default=0)
        return BUDGETS.index(result.budget), result.digest == digest, replicates, result.created

    return sorted(results, key=worth, reverse=True)


def _lines(
    claim: Claim, study: str, question: str, results: Sequence[Result], digest: str
) -> list[Line]:
    found = []
    for result in results:
        verdict = next((v for v in result.verdicts if v.claim == claim.id), None)
        if verdict is not None:
            # Another version of the file may have judged another sentence under the same id.
            judged = next((own for own in result.claims if own.id == claim.id), claim)
            about = {"study": study, "question": question, "claim": judged}
            earlier = result.digest != digest
            found.append(Line(**about, result=result, verdict=verdict, earlier=earlier))
    return found or [Line(study=study, question=question, claim=claim)]
