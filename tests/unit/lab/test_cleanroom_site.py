"""The site file that the demo writes."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from ruamel.yaml import YAML

from modwarden.lab import cleanroom_site, parse_endpoints


def _site(units: int = 200, verdicts: str = "observe") -> dict[str, Any]:
    site: dict[str, Any] = YAML(typ="safe").load(StringIO(cleanroom_site(units, verdicts=verdicts)))
    return site


@pytest.mark.parametrize("units", [0, 16, 251])
def test_a_number_of_units_that_does_not_fit_is_refused(units: int) -> None:
    with pytest.raises(ValueError, match="units do not fit"):
        cleanroom_site(units)


def test_nobody_in_the_enterprise_zone_is_named_by_a_rule() -> None:
    conduit = _site()["conduits"]["hvac"]

    assert conduit["from"] == ["control"]
    assert {client for rule in conduit["rules"] for client in rule.get("clients", [])} == {"hmi-1"}


@pytest.mark.parametrize("units", [17, 40, 200])
def test_every_unit_has_a_listener(units: int) -> None:
    site = _site(units)
    ((name, server),) = site["conduits"]["hvac"]["servers"].items()

    assert name in site["assets"]
    assert len(parse_endpoints(server["listen"])) == units
    assert len(parse_endpoints(f"{site['assets'][name]['addresses'][0]}:15020")) == units


@pytest.mark.parametrize("verdicts", ["observe", "enforce"])
def test_the_verdicts_are_the_callers_choice(verdicts: str) -> None:
    assert _site(verdicts=verdicts)["conduits"]["hvac"]["verdicts"] == verdicts


def test_the_sites_own_tests_deny_before_they_permit() -> None:
    expected = [test["expect"] for test in _site()["tests"]]

    assert expected == sorted(expected)
    assert {"deny", "permit"} == set(expected)
