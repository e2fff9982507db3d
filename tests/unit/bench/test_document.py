"""What the page of the benchmark says beside its figures."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bench.document import write_document

if TYPE_CHECKING:
    from pathlib import Path


def test_the_remark_of_a_part_stands_on_the_page(tmp_path: Path) -> None:
    for name, remark in (("rules", "other work ran beside it"), ("mixed", None)):
        part = {"part": name, "at": 0.0, "machine": {}, "found": [], "remark": remark}
        (tmp_path / f"{name}.json").write_text(json.dumps(part))

    page = write_document(tmp_path, tmp_path).read_text()

    assert "- rules: other work ran beside it\n" in page
    assert "- mixed" not in page
