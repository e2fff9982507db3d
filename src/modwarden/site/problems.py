"""Problems of a site file: gathered all at once, each with file, line and a hint."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from typing import ClassVar

from modwarden.errors import ModwardenError
from modwarden.model import Origin


@dataclass(frozen=True, slots=True)
class SiteProblem:
    """One mistake; `name` is kebab-case and names its kind."""

    name: str
    origin: Origin
    what: str
    hint: str

    def __str__(self) -> str:
        return f"{self.origin}: {self.what}: {self.hint}"


class SiteError(ModwardenError):
    """The operator's file is wrong; `problems` holds everything found."""

    exit_code: ClassVar[int] = 2

    def __init__(self, problems: Sequence[SiteProblem]) -> None:
        super().__init__("\n".join(_told_once(problems)))
        self.problems = tuple(problems)


def _told_once(problems: Sequence[SiteProblem]) -> Iterator[str]:
    """Say the same thing once, with every line it is true of: one wrong name is often met again and again."""
    places: dict[tuple[str, str, str], list[SiteProblem]] = {}
    for problem in problems:
        places.setdefault((problem.origin.file, problem.what, problem.hint), []).append(problem)
    for first, *others in places.values():
        also = dict.fromkeys(str(other.origin.line) for other in others)
        yield f"{first} (also in line {', '.join(also)})" if also else str(first)


class Mistake(ValueError):  # noqa: N818 - becomes a SiteProblem once the place is known
    """A mistake whose place the raiser does not know."""

    def __init__(self, name: str, what: str, hint: str) -> None:
        super().__init__(what)
        self.name = name
        self.what = what
        self.hint = hint


class Problems:
    """Everything found so far."""

    def __init__(self) -> None:
        self.found: list[SiteProblem] = []

    def add(self, origin: Origin, mistake: Mistake) -> None:
        """Give a mistake its place; the same one at the same place counts once."""
        problem = SiteProblem(mistake.name, origin, mistake.what, mistake.hint)
        if problem not in self.found:
            self.found.append(problem)

    @contextmanager
    def at(self, origin: Origin) -> Iterator[None]:
        """Turn a mistake of the block into a problem at `origin`, and go on after the block."""
        try:
            yield
        except Mistake as mistake:
            self.add(origin, mistake)

    def raise_if_any(self) -> None:
        """
        End the reading.

        Raises:
            SiteError: there is at least one problem.
        """
        if self.found:
            raise SiteError(
                sorted(self.found, key=lambda problem: (problem.origin.file, problem.origin.line))
            )


def did_you_mean(word: str, known: Sequence[str], otherwise: str) -> str:
    """Suggest the nearest known word, or say something else."""
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else otherwise
