#!/bin/sh
# Written by `modwarden harden` for the router outer of Two routers and a transit segment, from
#   site.yaml:9
#   site.yaml:11
# Serves IEC 62443-3-3 SR 5.2 RE 3.
# Change those lines and write it again, rather than this file.
set -eu

end() {
    failed=0
    [ ! -e /proc/sys/net/ipv4/conf/lan0/forwarding ] || sysctl -qw net/ipv4/conf/lan0/forwarding=0 || failed=1
    [ ! -e /proc/sys/net/ipv4/conf/lan1/forwarding ] || sysctl -qw net/ipv4/conf/lan1/forwarding=0 || failed=1
    [ ! -e /proc/sys/net/ipv4/conf/tun0/forwarding ] || sysctl -qw net/ipv4/conf/tun0/forwarding=0 || failed=1
    [ ! -e /proc/sys/net/ipv4/conf/up/forwarding ] || sysctl -qw net/ipv4/conf/up/forwarding=0 || failed=1
    [ ! -e /proc/sys/net/ipv4/conf/wan/forwarding ] || sysctl -qw net/ipv4/conf/wan/forwarding=0 || failed=1
    return "$failed"
}
if [ "${1:-start}" = stop ]; then end; exit; fi
trap end EXIT

# Without the rules nothing is forwarded.
nft list table inet modwarden_filter >/dev/null

sysctl -qw net/ipv4/conf/lan0/forwarding=1
sysctl -qw net/ipv4/conf/lan1/forwarding=1
if [ -e /proc/sys/net/ipv4/conf/tun0/forwarding ]; then
    sysctl -qw net/ipv4/conf/tun0/forwarding=1
else
    echo "tun0 is not there, and will forward once this has run again" >&2
fi
sysctl -qw net/ipv4/conf/up/forwarding=1
sysctl -qw net/ipv4/conf/wan/forwarding=1
trap - EXIT
