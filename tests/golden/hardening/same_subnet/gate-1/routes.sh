#!/bin/sh
# Written by `modwarden harden` for the guard gate-1 of One subnet, from
#   site.yaml:17
# Serves IEC 62443-3-3 SR 5.2.
# Change those lines and write it again, rather than this file.
set -eu

ip -4 route replace local default dev lo table 19799
[ -n "$(ip -4 rule show pref 10502 fwmark 0x4d57 lookup 19799)" ] ||
    ip -4 rule add pref 10502 fwmark 0x4d57 lookup 19799

ip -6 route replace local default dev lo table 19799
[ -n "$(ip -6 rule show pref 10502 fwmark 0x4d57 lookup 19799)" ] ||
    ip -6 rule add pref 10502 fwmark 0x4d57 lookup 19799
