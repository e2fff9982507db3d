"""A site's own certificates, with Modbus roles, and those that a company CA issued for it."""

from modwarden.pki.authority import load_root
from modwarden.pki.chain import authorities_of
from modwarden.pki.change import changing
from modwarden.pki.create import ISSUING_DAYS, ROOT_DAYS, Plan, create_pki
from modwarden.pki.crl import ISSUING_CRL_DAYS, ROOT_CRL_DAYS, Reason, number_of
from modwarden.pki.errors import PkiError, PkiInputError, PkiStoreError
from modwarden.pki.expiry import MARKS, check_inventory, days_left, mark_of
from modwarden.pki.inventory import CrlEntry, Entry, Inventory, read_inventory
from modwarden.pki.issue import HOLDER_DAYS, Order, issue, renew, renew_issuing
from modwarden.pki.keys import AskPassphrase, KeyAlgorithm, load_passphrase
from modwarden.pki.one_authority import find_shared_authorities
from modwarden.pki.request import make_request
from modwarden.pki.revoke import (
    entries_to_revoke,
    renew_issuing_crls,
    renew_root_crl,
    revoke,
    revoke_issuing,
)
from modwarden.pki.role import RoleOutcome, RoleReading, parse_role, parse_role_name, read_role
from modwarden.pki.store import CHAIN, CURRENT, KEY, Kind, Store
from modwarden.pki.take_in import Brought, import_ca, import_crls, import_holder
from modwarden.pki.terms import Terms, addresses_of, parse_addresses, parse_crl_url, parse_name, printable

__all__ = [
    "CHAIN",
    "CURRENT",
    "HOLDER_DAYS",
    "ISSUING_CRL_DAYS",
    "ISSUING_DAYS",
    "KEY",
    "MARKS",
    "ROOT_CRL_DAYS",
    "ROOT_DAYS",
    "AskPassphrase",
    "Brought",
    "CrlEntry",
    "Entry",
    "Inventory",
    "KeyAlgorithm",
    "Kind",
    "Order",
    "PkiError",
    "PkiInputError",
    "PkiStoreError",
    "Plan",
    "Reason",
    "RoleOutcome",
    "RoleReading",
    "Store",
    "Terms",
    "addresses_of",
    "authorities_of",
    "changing",
    "check_inventory",
    "create_pki",
    "days_left",
    "entries_to_revoke",
    "find_shared_authorities",
    "import_ca",
    "import_crls",
    "import_holder",
    "issue",
    "load_passphrase",
    "load_root",
    "make_request",
    "mark_of",
    "number_of",
    "parse_addresses",
    "parse_crl_url",
    "parse_name",
    "parse_role",
    "parse_role_name",
    "printable",
    "read_inventory",
    "read_role",
    "renew",
    "renew_issuing",
    "renew_issuing_crls",
    "renew_root_crl",
    "revoke",
    "revoke_issuing",
]
