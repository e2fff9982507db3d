"""Evidence files on the command line: where they are, how old they may be, and how one is written."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from modwarden.model import EvidenceError, EvidenceFile, Origin, Site, parse_evidence, render_evidence
from modwarden.site import Mistake, parse_duration
from modwarden.site.proof import Support, weigh_evidence

EvidenceOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--evidence",
        metavar="FILE",
        help="What `drift` or `probe` wrote, or a folder of such files; may be given several times.",
        exists=True,
    ),
]
EvidenceAgeOption = Annotated[
    str, typer.Option("--evidence-age", metavar="AGE", help="Older evidence counts for nothing.")
]


def weighed(site: Site, paths: Iterable[Path], age: str) -> Mapping[str, Support]:
    """
    Read evidence files, and say what they make of a site's assumptions.

    Raises:
        EvidenceError: a file is no evidence, or not as it was written.
    """
    try:
        oldest = timedelta(milliseconds=parse_duration(age))
    except Mistake as error:
        raise typer.BadParameter(f"{error.what}: {error.hint}", param_hint="--evidence-age") from error
    return weigh_evidence(site, list(_loaded(paths)), datetime.now(UTC), oldest)


def write_evidence(path: Path, evidence: EvidenceFile) -> None:
    """Write an evidence file in one step: a reader sees the old one or the new one."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(render_evidence(evidence), encoding="utf-8")
    fresh.replace(path)


def _loaded(paths: Iterable[Path]) -> Iterator[EvidenceFile]:
    for path in paths:
        for file in sorted(path.glob("*.json")) if path.is_dir() else [path]:
            try:
                text = file.read_text(encoding="utf-8")
            except UnicodeDecodeError as error:
                raise EvidenceError(Origin(str(file), 1), "this is not UTF-8 text") from error
            yield parse_evidence(text, str(file))
