"""A PKI on disk for the tests of its room; each test has its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.doubles.company_ca import NOW

from modwarden.model import RoleName
from modwarden.pki import Entry, Kind, Order, Plan, Store, Terms, create_pki, issue, parse_addresses

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return create_pki(tmp_path / "pki", Plan("Northside"), NOW)


@pytest.fixture
def hmi(store: Store) -> Entry:
    return issue(store, client_terms("hmi-1"), Order(), NOW)


@pytest.fixture
def gate(store: Store) -> Entry:
    return issue(store, server_terms("gate-1"), Order(), NOW)


@pytest.fixture
def client_of() -> Callable[..., Terms]:
    return client_terms


def client_terms(name: str, role: str = "Operator") -> Terms:
    return Terms(Kind.CLIENT, name, role=RoleName(role))


def server_terms(name: str, *addresses: str) -> Terms:
    return Terms(Kind.SERVER, name, parse_addresses(addresses or ("127.0.0.1", "localhost")))
