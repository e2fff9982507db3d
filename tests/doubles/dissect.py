"""What the core's parser makes of bytes: its own example program, asked in one go."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BUILD_AND_RUN = ("cargo", "run", "--locked", "--quiet", "--package", "wire", "--example", "dissect")


def dissect(questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The answers, in order; the grammar stands at the head of the example."""
    asked = "\n".join(json.dumps(question) for question in questions)
    run = subprocess.run(_program(), cwd=ROOT, input=asked, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    answers = [json.loads(line) for line in run.stdout.splitlines()]

    assert len(answers) == len(questions)
    return answers


def _program() -> tuple[str, ...]:
    if programs := os.environ.get("BENCH_PROGRAMS"):
        return (str(Path(programs, "examples", "dissect")),)
    return BUILD_AND_RUN
