"""Rules that are deleted while the guard runs are an alarm until they are back."""

import pytest

from modwarden.guard import _rules_watch
from modwarden.guard._loaded import Loaded, NotLoadedError
from modwarden.guard._rules_watch import RulesWatch
from modwarden.model import Diversion

DIVERSIONS = (Diversion("cell", 15502, ("lan0",), "lan1", (4,), fails_open=False),)


class Host:
    def __init__(self) -> None:
        self.is_loaded = True
        self.looks = 0

    def check(self, diversions: object) -> Loaded:
        del diversions
        self.looks += 1
        if not self.is_loaded:
            raise NotLoadedError("not ready:\n  a table")
        return Loaded({})


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host()
    monkeypatch.setattr(_rules_watch, "check_loaded", host.check)
    monkeypatch.setattr(_rules_watch, "EVERY_S", 0.0)
    return host


def test_what_is_missing_is_told_in_one_line_until_it_is_back(host: Host) -> None:
    watch, told = RulesWatch(), []
    for is_loaded in (True, False, True):
        host.is_loaded = is_loaded
        watch.look(DIVERSIONS)
        watch.wait()
        told.append((watch.missing, watch.metrics(DIVERSIONS).splitlines()[-1]))

    assert told == [
        (None, "modwarden_rules_loaded 1"),
        ("not ready: a table", "modwarden_rules_loaded 0"),
        (None, "modwarden_rules_loaded 1"),
    ]


def test_without_transparent_conduits_nobody_looks(host: Host) -> None:
    watch = RulesWatch()
    watch.look(())
    watch.wait()

    assert (host.looks, watch.metrics(())) == (0, "")


def test_between_looks_there_is_time(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_rules_watch, "EVERY_S", 60.0)
    watch = RulesWatch()
    watch.look(DIVERSIONS)
    watch.wait()

    assert host.looks == 0
