"""How commands speak: results on stdout, everything else on stderr."""

import json
import sys
from typing import Any

from rich.console import Console

# Wide enough for a record's line where no terminal says its width.
_PIPE_WIDTH = 160


def console() -> Console:
    """Return the console for results; as wide as the terminal, or as a long line in a pipe."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)


def print_lines(*lines: str) -> None:
    """Print plain text, never cut or wrapped."""
    for line in lines:
        sys.stdout.write(line + "\n")


def print_json(value: Any) -> None:
    """Print one JSON document."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


def print_error(text: str) -> None:
    """Print what went wrong where it cannot be taken for a result."""
    Console(stderr=True, highlight=False, style="red" if sys.stderr.isatty() else "").print(
        text, markup=False, soft_wrap=True
    )
