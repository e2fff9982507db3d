"""Read the rule set of a router from its file."""

from modwarden.model import Origin, RulesetFile, RulesetFormat
from modwarden.site.rulesets.errors import RulesetError
from modwarden.site.rulesets.iptables import parse_iptables_save
from modwarden.site.rulesets.ir import Ruleset
from modwarden.site.rulesets.nft_json import parse_nft_json
from modwarden.site.rulesets.nft_text import parse_nft_text


def load_ruleset(file: RulesetFile) -> Ruleset:
    """
    Read a file in the format that the site file names.

    Raises:
        RulesetError: it is refused.
        OSError: it cannot be read.
    """
    name = str(file.path)
    try:
        text = file.path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RulesetError(Origin(name, 1), "this is not UTF-8 text", "save the file anew") from error
    if file.format is RulesetFormat.NFT:
        return parse_nft_text(text, name)
    if file.format is RulesetFormat.NFT_JSON:
        return parse_nft_json(text, name)
    return parse_iptables_save(text, name, is_ipv6=file.format is RulesetFormat.IP6TABLES_SAVE)
