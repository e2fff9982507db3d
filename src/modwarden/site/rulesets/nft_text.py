"""Rule sets of nftables in its own language, as `nft list ruleset` prints it; `define` is known as well."""

import re
from typing import Any

from modwarden.model import Origin
from modwarden.site.rulesets._names import PRIORITIES
from modwarden.site.rulesets._nft_rule_text import parse_rule
from modwarden.site.rulesets._nft_text_values import parse_elements
from modwarden.site.rulesets._nft_tokens import Tokens
from modwarden.site.rulesets.errors import RulesetError
from modwarden.site.rulesets.ir import Ruleset
from modwarden.site.rulesets.nft_json import NftObject, build_ruleset

_DEFINE = re.compile(r"^[ \t]*define[ \t]+(\w+)[ \t]*=[ \t]*(\{[^}]*\}|[^\n;]*)", re.MULTILINE)
_VARIABLE = re.compile(r"\$(\w+)")
_TABLE_FAMILIES = ("ip", "ip6", "inet", "arp", "bridge", "netdev")
_SKIPPED_BLOCKS = ("counter", "quota", "limit", "ct", "flowtable", "synproxy", "secmark", "tunnel")
_MOST_SUBSTITUTIONS = 8


def parse_nft_text(text: str, file: str) -> Ruleset:
    """
    Read a rule set.

    Raises:
        RulesetError: a line is not understood, and must not be guessed at.
    """
    tokens = Tokens(_substituted(text, file), file)
    objects: list[NftObject] = []
    while True:
        tokens.skip_ends()
        if tokens.is_done:
            return build_ruleset(objects, file)
        line = tokens.line
        word = tokens.take().text
        if word == "table":
            objects += _TableText(tokens).read(line)
        elif word in ("delete", "destroy") and tokens.peek() == "table":
            objects = _without_table(objects, tokens)
        elif word == "flush" and tokens.peek() == "ruleset":
            objects.clear()
            tokens.skip_line()
        elif word == "add" and tokens.peek() == "table" and tokens.peek(3) != "{":
            tokens.skip_line()
        else:
            hint = "load the file, and save what `nft list ruleset` prints"
            raise RulesetError(Origin(file, line), f"the command {word!r} is not read here", hint)


def _without_table(objects: list[NftObject], tokens: Tokens) -> list[NftObject]:
    """Take out a table that the file makes, deletes and makes anew, so as to replace it whole."""
    tokens.expect("table")
    family = tokens.take().text if tokens.peek() in _TABLE_FAMILIES else "ip"
    gone = (family, tokens.take().text)
    return [one for one in objects if (one.body["family"], _table_of(one)) != gone]


def _table_of(item: NftObject) -> str:
    return str(item.body["name"] if item.kind == "table" else item.body["table"])


def _substituted(text: str, file: str) -> str:
    """Put the values of `define` in; the lines stay where they are."""
    values = {name: value.strip() for name, value in _DEFINE.findall(text)}
    text = _DEFINE.sub(lambda found: "\n" * found[0].count("\n"), text)
    for _ in range(_MOST_SUBSTITUTIONS):
        unknown = [found for found in _VARIABLE.finditer(text) if found[1] not in values]
        if unknown:
            line = text.count("\n", 0, unknown[0].start()) + 1
            what = f"the variable ${unknown[0][1]} is not defined here"
            raise RulesetError(Origin(file, line), what, "save what `nft list ruleset` prints")
        if not _VARIABLE.search(text):
            break
        text = _VARIABLE.sub(lambda found: " ".join(values[found[1]].split()), text)
    return text


class _TableText:
    """Reads one table."""

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.where: dict[str, str] = {}

    def read(self, line: int) -> list[NftObject]:
        tokens = self.tokens
        family = tokens.take().text if tokens.peek() in _TABLE_FAMILIES else "ip"
        name = tokens.take().text
        self.where = {"family": family, "table": name}
        found = [NftObject("table", {"family": family, "name": name}, line)]
        if tokens.peek() in ("\n", ";", ""):
            # `table inet filter` alone makes sure that there is one.
            return found
        tokens.expect("{")
        while True:
            tokens.skip_ends()
            if tokens.takes("}"):
                return found
            found += self._item()

    def _item(self) -> list[NftObject]:
        tokens = self.tokens
        line = tokens.line
        word = tokens.take().text
        if word in ("set", "map"):
            return [NftObject(word, self._set(tokens.take().text), line)]
        if word == "chain":
            return self._chain(tokens.take().text, line)
        if word == "flags":
            return [
                NftObject("table", {**self.where, "name": self.where["table"], "flags": self._flags()}, line)
            ]
        if word in ("comment", *_SKIPPED_BLOCKS):
            tokens.skip_line()
            return []
        raise tokens.error(f"{word!r} is not understood in a table", "write it as `nft list ruleset` does")

    def _flags(self) -> list[str]:
        flags = [self.tokens.take().text]
        while self.tokens.takes(","):
            flags.append(self.tokens.take().text)
        return flags

    def _set(self, name: str) -> dict[str, Any]:
        tokens = self.tokens
        body: dict[str, Any] = {**self.where, "name": name, "flags": [], "elem": []}
        tokens.expect("{")
        while True:
            tokens.skip_ends()
            if tokens.takes("}"):
                return body
            word = tokens.take().text
            if word == "flags":
                body["flags"] += self._flags()
            elif word == "elements":
                tokens.expect("=")
                body["elem"] += parse_elements(tokens)
            else:
                body |= {"timeout": 1} if word == "timeout" else {}
                tokens.skip_line()

    def _chain(self, name: str, line: int) -> list[NftObject]:
        tokens = self.tokens
        body: dict[str, Any] = {**self.where, "name": name}
        rules: list[NftObject] = []
        tokens.expect("{")
        while True:
            tokens.skip_ends()
            if tokens.takes("}"):
                return [NftObject("chain", body, line), *rules]
            if tokens.peek() == "type":
                self._hook(body)
            elif tokens.takes("policy"):
                body["policy"] = tokens.take().text
            elif tokens.takes("comment", "devices", "device"):
                tokens.skip_line()
            else:
                rules.append(self._rule(name))

    def _hook(self, body: dict[str, Any]) -> None:
        tokens = self.tokens
        tokens.expect("type")
        body["type"] = tokens.take().text
        tokens.expect("hook")
        body["hook"] = tokens.take().text
        while tokens.peek() not in ("priority", "\n", ";"):
            tokens.skip_block() if tokens.peek() == "{" else tokens.take()
        tokens.expect("priority")
        words = []
        while tokens.peek() not in ("\n", ";"):
            words.append(tokens.take().text)
        body["prio"] = _priority(words, tokens)

    def _rule(self, chain: str) -> NftObject:
        tokens = self.tokens
        if tokens.is_done:
            raise tokens.too_early()
        first = tokens.listed[tokens.at]
        statements = parse_rule(tokens)
        last = tokens.listed[tokens.at - 1]
        words = " ".join(tokens.source[first.start : last.end].split())
        return NftObject("rule", {**self.where, "chain": chain, "expr": statements}, first.line, words)


def _priority(words: list[str], tokens: Tokens) -> int:
    text = "".join(words)
    found = re.fullmatch(r"([a-z]*)([+-]?\d+)?", text)
    if found is None or (found[1] and found[1] not in PRIORITIES):
        raise tokens.error(f"{text!r} is no priority", "write a number, or a word such as filter")
    return PRIORITIES.get(found[1], 0) + int(found[2] or 0)
