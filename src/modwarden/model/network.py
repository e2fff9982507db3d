"""Addresses and prefixes of both IP versions under one name."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network


def contains(network: Network, other: Network) -> bool:
    """Say whether all of `other` lies in `network`; never true across IP versions."""
    if isinstance(network, IPv4Network) and isinstance(other, IPv4Network):
        return other.subnet_of(network)
    if isinstance(network, IPv6Network) and isinstance(other, IPv6Network):
        return other.subnet_of(network)
    return False
