#!/bin/sh
# Written by `modwarden harden` for the guard gate-1 of Southside, from
#   site.yaml:6
#   site.yaml:7
#   site.yaml:19
#   site.yaml:41
# Serves IEC 62443-3-3 SR 5.2 RE 2.
# Change those lines and write it again, rather than this file.
set -eu

# Without a right to ask, nothing is known: that must not read as off.
ask() {
    if ! nft list tables >/dev/null 2>&1; then
        echo "island: not known, nft cannot be asked: run this as root" >&2
        exit 3
    fi
}
is_on() { nft list table inet modwarden_island >/dev/null 2>&1; }
is_essential_only() { nft list chain inet modwarden_island essential >/dev/null 2>&1; }
load() {
    if [ "$1" = essential ]; then
        nft -f /etc/modwarden/island-essential.nft
    else
        nft -f /etc/modwarden/island.nft
    fi
}

case "${1:-status} ${2:-}" in
"on " | "on essential")
    # The cut comes first: it must not wait for a disk.
    load "${2:-}"
    if ! { echo "${2:-}" > /etc/modwarden/island.on && sync /etc/modwarden/island.on; }; then
        echo "island: on, but a restart will end it: /etc/modwarden/island.on cannot be written" >&2
        exit 1
    fi
    ;;
"off ")
    ask
    # The other way round: what cannot be remembered is not opened.
    rm -f /etc/modwarden/island.on
    if is_on; then nft delete table inet modwarden_island; fi
    ;;
"restore ")
    if [ -e /etc/modwarden/island.on ]; then load "$(cat /etc/modwarden/island.on)"; fi
    exit 0
    ;;
"status ")
    ask
    ;;
*)
    echo "usage: island.sh on [essential] | off | status" >&2
    exit 2
    ;;
esac
if is_essential_only; then
    echo "island: on, between OT zones essential conduits only"
elif is_on; then
    echo "island: on"
else
    echo "island: off"
fi
