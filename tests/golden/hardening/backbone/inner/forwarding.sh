#!/bin/sh
# Written by `modwarden harden` for the router inner of Two routers and a transit segment, from
#   site.yaml:15
#   site.yaml:17
# Serves IEC 62443-3-3 SR 5.2 RE 3.
# Change those lines and write it again, rather than this file.
set -eu

if [ "${1:-start}" = stop ]; then
    sysctl -qw net/ipv4/conf/plant/forwarding=0
    sysctl -qw net/ipv4/conf/up/forwarding=0
    exit 0
fi

# Without the rules nothing is forwarded.
nft list table inet modwarden_filter >/dev/null

sysctl -qw net/ipv4/conf/plant/forwarding=1
sysctl -qw net/ipv4/conf/up/forwarding=1
