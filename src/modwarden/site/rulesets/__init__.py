"""Rule sets of routers, read into one form; a further format is a further parser that gives a `Ruleset`."""

from modwarden.site.rulesets.errors import RulesetError
from modwarden.site.rulesets.iptables import parse_iptables_save
from modwarden.site.rulesets.ir import (
    Action,
    Chain,
    Hook,
    Kind,
    Match,
    Names,
    Rule,
    Ruleset,
    Table,
    Translation,
)
from modwarden.site.rulesets.load import load_ruleset
from modwarden.site.rulesets.nft_json import parse_nft_json
from modwarden.site.rulesets.nft_text import parse_nft_text
from modwarden.site.rulesets.together import read_together

__all__ = [
    "Action",
    "Chain",
    "Hook",
    "Kind",
    "Match",
    "Names",
    "Rule",
    "Ruleset",
    "RulesetError",
    "Table",
    "Translation",
    "load_ruleset",
    "parse_iptables_save",
    "parse_nft_json",
    "parse_nft_text",
    "read_together",
]
