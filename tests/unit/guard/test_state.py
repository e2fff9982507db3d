"""Where a guard's state lies."""

from pathlib import Path

from modwarden.guard import state_directory


def test_a_mistyped_site_file_does_not_find_another_files_last_good_policy() -> None:
    meant, mistyped = (state_directory(Path(f"plant/{name}.yaml"), None) for name in ("site", "sitte"))

    assert mistyped.socket == meant.socket
    assert mistyped.last_good != meant.last_good
