#!/bin/sh
# Written by `modwarden harden` for the guard gate-1 of One subnet, from
#   site.yaml:12
#   site.yaml:17
#   site.yaml:19
# Serves IEC 62443-3-3 SR 5.2 RE 3.
# Change those lines and write it again, rather than this file.
set -eu

end() {
    failed=0
    [ ! -e /proc/sys/net/ipv4/conf/lan0/forwarding ] || sysctl -qw net/ipv4/conf/lan0/forwarding=0 || failed=1
    [ ! -e /proc/sys/net/ipv4/conf/lan1/forwarding ] || sysctl -qw net/ipv4/conf/lan1/forwarding=0 || failed=1
    sysctl -qw net/ipv6/conf/all/forwarding=0 || failed=1
    return "$failed"
}
if [ "${1:-start}" = stop ]; then end; exit; fi
trap end EXIT

# Without the rules nothing is forwarded.
nft list table inet modwarden_closed >/dev/null

# site.yaml:17: conduit cell, one subnet on both sides
sysctl -qw net/ipv4/neigh/lan0/proxy_delay=0
sysctl -qw net/ipv6/neigh/lan0/proxy_delay=0
sysctl -qw net/ipv6/conf/lan0/proxy_ndp=1
sysctl -qw net/ipv4/neigh/lan1/proxy_delay=0
sysctl -qw net/ipv6/neigh/lan1/proxy_delay=0
sysctl -qw net/ipv6/conf/lan1/proxy_ndp=1
ip -4 route replace 10.10.0.200 dev lan1
ip -4 neigh replace proxy 10.10.0.200 dev lan0
ip -6 route replace fd00::1:200 dev lan1
ip -6 neigh replace proxy fd00::1:200 dev lan0
ip -4 neigh replace proxy 10.10.0.5 dev lan1
ip -6 neigh replace proxy fd00::5 dev lan1
ip -4 neigh replace proxy 10.10.0.6 dev lan1

sysctl -qw net/ipv4/conf/lan0/forwarding=1
sysctl -qw net/ipv4/conf/lan1/forwarding=1
sysctl -qw net/ipv6/conf/all/forwarding=1
trap - EXIT
