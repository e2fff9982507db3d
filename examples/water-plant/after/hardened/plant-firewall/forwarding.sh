#!/bin/sh
# Written by `modwarden harden` for the router plant-firewall of Water plant, from
#   site.yaml:38
#   site.yaml:40
# Serves IEC 62443-3-3 SR 5.2 RE 3.
# Change those lines and write it again, rather than this file.
set -eu

if [ "${1:-start}" = stop ]; then
    sysctl -qw net/ipv4/conf/control0/forwarding=0
    sysctl -qw net/ipv4/conf/dmz0/forwarding=0
    sysctl -qw net/ipv4/conf/field0/forwarding=0
    exit 0
fi

# Without the rules nothing is forwarded.
nft list table inet modwarden_filter >/dev/null

sysctl -qw net/ipv4/conf/control0/forwarding=1
sysctl -qw net/ipv4/conf/dmz0/forwarding=1
sysctl -qw net/ipv4/conf/field0/forwarding=1
