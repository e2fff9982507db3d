"""Clients of rules: assets, zones, addresses and networks, as networks."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network

from modwarden.model import Address, Asset, AssetName, Network, Zone, ZoneName
from modwarden.site._words import matching, parse_address, parse_network
from modwarden.site.problems import Mistake, did_you_mean

_ADDRESS_CHARACTERS = frozenset("0123456789abcdefABCDEF.:/")


@dataclass(frozen=True, slots=True)
class ClientNames:
    """Everything that may stand in `clients`."""

    assets: Mapping[AssetName, Asset]
    zones: Mapping[ZoneName, Zone]
    client_ports: frozenset[str] = frozenset()

    def networks(self, word: str) -> list[Network]:
        """
        Give the networks one word stands for.

        Raises:
            Mistake: it names nothing, or something without an address.
        """
        if self._is_address(word):
            return [parse_network(word)]
        names = matching(word, list(self.assets))
        if names:
            return [host(address) for name in names for address in self._addresses(name)]
        if word in self.zones:
            ports = self._at_ports(ZoneName(word))
            return ports + self._zone_networks(self.zones[ZoneName(word)], is_needed=not ports)
        known = [*self.assets, *self.zones]
        hint = did_you_mean(word, known, "name an asset, a zone, an address or a network")
        raise Mistake("unknown-client", f"there is no client {word!r}", hint)

    def address(self, word: str) -> Address:
        """
        Give the one address from which a test's client speaks.

        Raises:
            Mistake: it names nothing, or something without an address.
        """
        if word in self.assets:
            return self._addresses(word)[0]
        if self._is_address(word):
            return parse_address(word)
        hint = did_you_mean(word, list(self.assets), "name an asset or an address")
        raise Mistake("unknown-client", f"there is no client {word!r}", hint)

    def _is_address(self, word: str) -> bool:
        return is_address(word) and word not in self.assets and word not in self.zones

    def _addresses(self, name: str) -> tuple[Address, ...]:
        asset = self.assets[AssetName(name)]
        if not asset.client_addresses:
            raise Mistake("no-address", f"the client {name!r} has no address", "give the asset `addresses:`")
        return asset.client_addresses

    def _at_ports(self, zone: ZoneName) -> list[Network]:
        """Clients on serial ports are in their zone without an address of its networks."""
        ports = [asset.serial for asset in self.assets.values() if asset.zone == zone and asset.serial]
        return [host(port.address) for port in ports if port.port in self.client_ports]

    def _zone_networks(self, zone: Zone, *, is_needed: bool) -> list[Network]:
        if is_needed and not zone.networks:
            raise Mistake(
                "no-address", f"the zone {zone.name!r} has no networks", "give the zone `networks:`"
            )
        return list(zone.networks)


def is_address(word: str) -> bool:
    """Say whether a word is meant for an address or a network."""
    return set(word) <= _ADDRESS_CHARACTERS and ("." in word or ":" in word)


def host(address: Address) -> Network:
    """Give the network that holds one address only."""
    return ip_network(address)
