#!/bin/sh
# Written by `modwarden harden` for the guard gate-1 of Two sites, from
#   site.yaml:21
#   site.yaml:25
#   site.yaml:31
# Serves IEC 62443-3-3 SR 3.1 RE 1, SR 4.1 RE 1.
# Change those lines and write it again, rather than this file.
# SR 1.8 and SR 1.9 it fits weakly: keys without certificates, roles, an end of their validity or
# revocation. Where those are asked for, use `kind: ipsec`.
# Keys, from keys/pumping: /etc/modwarden/keys/pumping/gate-1.key and /etc/modwarden/keys/pumping/preshared.key, both 0600 root.
set -eu

# What is left while the tunnel is not there: its traffic is refused, never sent in the clear.
ip -4 route replace unreachable 10.11.0.0/24 metric 4278198272
ip -4 route replace unreachable 10.9.0.2/32 metric 4278198272

if [ "${1:-start}" = stop ]; then
    ip link delete dev wg-pumping
    exit 0
fi

if ! ip link show dev wg-pumping >/dev/null 2>&1; then
    ip link add dev wg-pumping type wireguard 2>/dev/null ||
        wireguard-go wg-pumping  # where the kernel has none
fi
wg setconf wg-pumping /etc/modwarden/wireguard-pumping.conf
wg set wg-pumping peer 0Pm7JhUHNJzXgHU5OeZkt7ZhJXaaZJ+6IfbFHXmdUyU= preshared-key /etc/modwarden/keys/pumping/preshared.key
wg set wg-pumping private-key /etc/modwarden/keys/pumping/gate-1.key
ip -4 address replace 10.9.0.1 dev wg-pumping
sysctl -qw net/ipv4/conf/wg-pumping/forwarding=0
ip link set dev wg-pumping mtu 1420 up
ip -4 route replace 10.11.0.0/24 dev wg-pumping
ip -4 route replace 10.9.0.2/32 dev wg-pumping
