#!/bin/sh
# Written by `modwarden harden` for the guard gate-1 of Northside, from
#   site.yaml:14
#   site.yaml:19
#   site.yaml:24
#   site.yaml:25
#   site.yaml:33
#   site.yaml:34
#   site.yaml:36
# Serves IEC 62443-3-3 SR 5.2 RE 3.
# Change those lines and write it again, rather than this file.
set -eu

end() {
    failed=0
    [ ! -e /proc/sys/net/ipv4/conf/lan0/forwarding ] || sysctl -qw net/ipv4/conf/lan0/forwarding=0 || failed=1
    [ ! -e /proc/sys/net/ipv4/conf/lan2/forwarding ] || sysctl -qw net/ipv4/conf/lan2/forwarding=0 || failed=1
    [ ! -e /proc/sys/net/ipv4/conf/lan1/forwarding ] || sysctl -qw net/ipv4/conf/lan1/forwarding=0 || failed=1
    [ ! -e /proc/sys/net/ipv4/conf/lan3/forwarding ] || sysctl -qw net/ipv4/conf/lan3/forwarding=0 || failed=1
    sysctl -qw net/ipv6/conf/all/forwarding=0 || failed=1
    return "$failed"
}
if [ "${1:-start}" = stop ]; then end; exit; fi
trap end EXIT

# Without the rules nothing is forwarded.
nft list table inet modwarden_closed >/dev/null

sysctl -qw net/ipv4/conf/lan0/forwarding=1
sysctl -qw net/ipv4/conf/lan2/forwarding=1
sysctl -qw net/ipv4/conf/lan1/forwarding=1
sysctl -qw net/ipv4/conf/lan3/forwarding=1
sysctl -qw net/ipv6/conf/all/forwarding=1
trap - EXIT
