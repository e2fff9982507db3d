"""An enforcement point: a router, the host of a guard, or both; and all that its rules are made from."""

from dataclasses import dataclass
from typing import ClassVar

from modwarden.errors import ModwardenError
from modwarden.hardening.needs import Need, needs_of
from modwarden.hardening.places import Leg, Places, addresses_of
from modwarden.model import Asset, AssetName, Origin, Site
from modwarden.site.rulesets.sets import IntervalSet


class UnnamedInterfacesError(ModwardenError):
    """A router's interfaces have no names, so that no rule can speak of them."""

    exit_code: ClassVar[int] = 2


@dataclass(frozen=True, slots=True)
class Point:
    """One enforcement point, with the needs of the whole site."""

    site: Site
    asset: Asset
    places: Places
    legs: tuple[Leg, ...]
    needs: tuple[Need, ...]

    @classmethod
    def of(cls, site: Site, name: AssetName) -> "Point":
        """
        Look at a site from one asset.

        Raises:
            UnnamedInterfacesError: it is a router with addresses at no interface.
        """
        asset, places = site.assets[name], Places.of(site)
        if asset.connections.forwards:
            _check_interfaces(asset)
        legs = places.legs(asset) if asset.connections.forwards else ()
        return cls(site, asset, places, legs, needs_of(site, places))

    @property
    def name(self) -> AssetName:
        """Its name."""
        return self.asset.name

    @property
    def own(self) -> IntervalSet:
        """Its own addresses."""
        return addresses_of(self.asset.addresses)

    @property
    def forwards(self) -> bool:
        """Say whether it is a router."""
        return self.asset.connections.forwards

    @property
    def is_guard(self) -> bool:
        """Say whether a guard runs there."""
        return self.name in self.site.guards()

    @property
    def is_transparent(self) -> bool:
        """Say whether the guard there diverts."""
        return bool(self.site.diversions(self.name))

    @property
    def speaks_ipv6(self) -> bool:
        """Say whether it has neighbours by IPv6; where a guard refuses whatever comes, it always may."""
        return self.is_transparent or any(address.version == 6 for address in self.asset.addresses)

    @property
    def origins(self) -> tuple[Origin, ...]:
        """Say where it stands in the site file."""
        keys = ("interfaces", "routes", "management")
        return (self.asset.origin, *(self.asset.origin.at(key) for key in keys))


def _check_interfaces(asset: Asset) -> None:
    named = {address for one in asset.connections.interfaces for address in one.addresses}
    stray = [address for address in asset.addresses if address not in named]
    if stray or not asset.connections.interfaces:
        what = f"{asset.origin}: the router {asset.name!r} has no interface by name"
        what = f"{what} for {stray[0]}" if stray else what
        raise UnnamedInterfacesError(
            f"{what}: write `interfaces: {{eth0: [ADDRESS]}}`, as `ip address` lists them"
        )
