#!/bin/sh
# Written by `modwarden harden` for the router ot-firewall of Pharmaceutical building, from
#   site.yaml:37
#   site.yaml:39
# Serves IEC 62443-3-3 SR 5.2 RE 3.
# Change those lines and write it again, rather than this file.
set -eu

end() {
    failed=0
    [ ! -e /proc/sys/net/ipv4/conf/building0/forwarding ] || sysctl -qw net/ipv4/conf/building0/forwarding=0 || failed=1
    [ ! -e /proc/sys/net/ipv4/conf/control0/forwarding ] || sysctl -qw net/ipv4/conf/control0/forwarding=0 || failed=1
    [ ! -e /proc/sys/net/ipv4/conf/dmz0/forwarding ] || sysctl -qw net/ipv4/conf/dmz0/forwarding=0 || failed=1
    return "$failed"
}
if [ "${1:-start}" = stop ]; then end; exit; fi
trap end EXIT

# Without the rules nothing is forwarded.
nft list table inet modwarden_filter >/dev/null

sysctl -qw net/ipv4/conf/building0/forwarding=1
sysctl -qw net/ipv4/conf/control0/forwarding=1
sysctl -qw net/ipv4/conf/dmz0/forwarding=1
trap - EXIT
