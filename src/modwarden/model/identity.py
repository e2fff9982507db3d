"""Accounts, and the sources that vouch for them."""

from dataclasses import dataclass, field

from modwarden.model.names import AssetName
from modwarden.model.origin import Origin


@dataclass(frozen=True, slots=True)
class IdentitySource:
    """A directory, or another place that says who somebody is; `used_by` are those that believe it."""

    name: str
    hosts: tuple[AssetName, ...] = ()
    used_by: tuple[AssetName, ...] = ()
    origin: Origin = field(default=Origin("", 0), compare=False)


@dataclass(frozen=True, slots=True)
class Account:
    """One name with one secret, and every asset that lets it in."""

    name: str
    assets: tuple[AssetName, ...] = ()
    origin: Origin = field(default=Origin("", 0), compare=False)
