"""The part of a page that a command writes, between two marks; what is around it is written by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def put_between_marks(page: Path, command: str, lines: Iterable[str]) -> None:
    """
    Put lines where the command's last ones stood.

    Raises:
        ValueError: the page has no place for them.
    """
    begin, end = f"<!-- written by {command} -->", f"<!-- end of what {command} writes -->"
    text = page.read_text()
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        message = f"{page} has no {begin} and {end}"
        raise ValueError(message)
    page.write_text(f"{before}{begin}\n" + "\n".join(lines) + f"\n{end}{after}")
