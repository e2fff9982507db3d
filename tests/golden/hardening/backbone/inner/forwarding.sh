#!/bin/sh
# Written by `modwarden harden` for the router inner of Two routers and a transit segment, from
#   site.yaml:15
#   site.yaml:17
# Serves IEC 62443-3-3 SR 5.2 RE 3.
# Change those lines and write it again, rather than this file.
set -eu

end() {
    failed=0
    [ ! -e /proc/sys/net/ipv4/conf/plant/forwarding ] || sysctl -qw net/ipv4/conf/plant/forwarding=0 || failed=1
    [ ! -e /proc/sys/net/ipv4/conf/up/forwarding ] || sysctl -qw net/ipv4/conf/up/forwarding=0 || failed=1
    return "$failed"
}
if [ "${1:-start}" = stop ]; then end; exit; fi
trap end EXIT

# Without the rules nothing is forwarded.
nft list table inet modwarden_filter >/dev/null

sysctl -qw net/ipv4/conf/plant/forwarding=1
sysctl -qw net/ipv4/conf/up/forwarding=1
trap - EXIT
