"""Numbers behind the words of rule sets: protocols, services, ICMP types, priorities."""

import socket
from functools import cache

# IANA protocol numbers, as nft and iptables write them.
PROTOCOLS = {
    "icmp": 1, "igmp": 2, "ipencap": 4, "tcp": 6, "udp": 17, "dccp": 33, "ipv6": 41, "gre": 47, "esp": 50,
    "ah": 51, "icmpv6": 58, "ipv6-icmp": 58, "ospf": 89, "vrrp": 112, "sctp": 132, "udplite": 136,
}  # fmt: skip
# Those with ports where `th` looks for them.
WITH_PORTS = (6, 17, 33, 132, 136)
# Well-known names that nft and iptables print, for machines without /etc/services.
_SERVICES = {
    "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "domain": 53, "bootps": 67, "bootpc": 68, "tftp": 69,
    "http": 80, "kerberos": 88, "ntp": 123, "snmp": 161, "snmp-trap": 162, "bgp": 179, "ldap": 389, "https":
    443,
    "microsoft-ds": 445, "isakmp": 500, "syslog": 514, "mbap": 502, "ldaps": 636, "ipsec-nat-t": 4500,
    "opcua-tcp": 4840, "ms-wbt-server": 3389,
}  # fmt: skip
# A type takes the place that a port has with others, so that rules on types are exact.
_ICMP_TYPES = {
    "icmp": {
        "echo-reply": 0, "destination-unreachable": 3, "source-quench": 4, "redirect": 5, "echo-request": 8,
        "router-advertisement": 9, "router-solicitation": 10, "time-exceeded": 11, "parameter-problem": 12,
        "timestamp-request": 13, "timestamp-reply": 14, "info-request": 15, "info-reply": 16,
        "address-mask-request": 17, "address-mask-reply": 18,
    },
    "icmpv6": {
        "destination-unreachable": 1, "packet-too-big": 2, "time-exceeded": 3, "parameter-problem": 4,
        "echo-request": 128, "echo-reply": 129, "mld-listener-query": 130, "mld-listener-report": 131,
        "mld-listener-done": 132, "nd-router-solicit": 133, "nd-router-advert": 134,
        "nd-neighbor-solicit": 135, "nd-neighbor-advert": 136, "nd-redirect": 137,
        "mld2-listener-report": 143,
    },
}  # fmt: skip
PRIORITIES = {
    "raw": -300, "mangle": -150, "dstnat": -100, "filter": 0, "security": 50, "srcnat": 100, "out": 100,
}  # fmt: skip


def protocol_number(word: str | int) -> int | None:
    """Give a protocol's number; None where the word is not known."""
    if isinstance(word, int):
        return word if 0 <= word <= 255 else None
    if word.isdecimal():
        return protocol_number(int(word))
    return PROTOCOLS.get(word)


@cache
def port_number(word: str | int) -> int | None:
    """Give a port's number; None where the word is not known."""
    if isinstance(word, int):
        return word if 0 <= word <= 0xFFFF else None
    if word.isdecimal():
        return port_number(int(word))
    if word in _SERVICES:
        return _SERVICES[word]
    try:
        return socket.getservbyname(word)
    except OSError:
        return None


def icmp_type_number(protocol: str, word: str | int) -> int | None:
    """Give the number of a type of `icmp` or `icmpv6`; None where the word is not known."""
    if isinstance(word, int):
        return word if 0 <= word <= 0xFF else None
    return int(word) if word.isdecimal() else _ICMP_TYPES[protocol].get(word)
