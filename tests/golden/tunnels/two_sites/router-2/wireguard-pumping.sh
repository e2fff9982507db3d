#!/bin/sh
# Written by `modwarden harden` for the router router-2 of Two sites, from
#   site.yaml:21
#   site.yaml:25
#   site.yaml:31
# Serves IEC 62443-3-3 SR 3.1 RE 1, SR 4.1 RE 1.
# Change those lines and write it again, rather than this file.
# SR 1.8 and SR 1.9 it fits weakly: keys without certificates, roles, an end of their validity or
# revocation. Where those are asked for, use `kind: ipsec`.
# Keys, from keys/pumping: /etc/modwarden/keys/pumping/router-2.key and /etc/modwarden/keys/pumping/preshared.key, both 0600 root.
set -eu

# What is left while the tunnel is not there: its traffic is refused, never sent in the clear.
ip -4 route replace unreachable 10.9.0.1/32 metric 4278198272

if [ "${1:-start}" = stop ]; then
    ip link delete dev wg-plant
    exit 0
fi

if ! ip link show dev wg-plant >/dev/null 2>&1; then
    ip link add dev wg-plant type wireguard 2>/dev/null ||
        wireguard-go wg-plant  # where the kernel has none
fi
wg setconf wg-plant /etc/modwarden/wireguard-pumping.conf
wg set wg-plant peer BMpn+DH2N/FnUrLN0Lk/0HGgYxzU52lpPUSBVsBIgGE= preshared-key /etc/modwarden/keys/pumping/preshared.key
wg set wg-plant private-key /etc/modwarden/keys/pumping/router-2.key
ip -4 address replace 10.9.0.2 dev wg-plant
# Without the rules nothing is forwarded.
if nft list table inet modwarden_filter >/dev/null 2>&1; then sysctl -qw net/ipv4/conf/wg-plant/forwarding=1; else sysctl -qw net/ipv4/conf/wg-plant/forwarding=0; fi
ip link set dev wg-plant mtu 1420 up
ip -4 route replace 10.9.0.1/32 dev wg-plant
