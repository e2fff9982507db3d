"""Right sides in nftables' language, as the values of its JSON: prefixes, ranges, sets, pairs of maps."""

import re
from ipaddress import ip_address
from typing import Any

from modwarden.site.rulesets._nft_tokens import Tokens

_VERDICTS = ("accept", "drop", "return", "continue", "reject", "jump", "goto", "queue")
_PORT_AT_END = re.compile(r":(\d+(?:-\d+)?)$")


def parse_value(tokens: Tokens) -> Any:
    """Read what stands right of a field: a value, a list of words, a set, or the name of one."""
    if tokens.peek() == "{":
        return {"set": parse_elements(tokens)}
    values = [_concatenation(tokens)]
    while tokens.takes(",", "|"):
        values.append(_concatenation(tokens))
    return values[0] if len(values) == 1 else values


def parse_elements(tokens: Tokens) -> list[Any]:
    """Read `{ … }`; pairs of a map are lists of two."""
    tokens.expect("{")
    found = []
    tokens.skip_newlines()
    while not tokens.takes("}"):
        found.append(_element(tokens))
        tokens.skip_newlines()
        if not tokens.takes(","):
            tokens.expect("}")
            break
        tokens.skip_newlines()
    return found


def _element(tokens: Tokens) -> Any:
    value = _concatenation(tokens)
    value = _with_remarks(tokens, value)
    if isinstance(value, str) and value.endswith(":") and not value.endswith("::"):
        return [plain_value(value[:-1]), _datum(tokens)]
    return [value, _datum(tokens)] if tokens.takes(":") else value


def _with_remarks(tokens: Tokens, value: Any) -> Any:
    """Pass over what an element keeps: counters, rates, its comment; note that it may end."""
    has_timeout = False
    while tokens.is_at_string or tokens.peek() not in (",", "}", ":", "\n", ""):
        has_timeout |= tokens.take().text in ("timeout", "expires")
    return {"elem": {"val": value, "timeout": 1}} if has_timeout else value


def _datum(tokens: Tokens) -> Any:
    word = tokens.peek()
    if word in ("accept", "drop", "return", "continue", "reject", "queue"):
        return {tokens.take().text: None}
    if word in ("jump", "goto"):
        tokens.take()
        return {word: {"target": tokens.take().text}}
    return _concatenation(tokens)


def _concatenation(tokens: Tokens) -> Any:
    parts = [plain_value(_word(tokens))]
    while tokens.takes("."):
        parts.append(plain_value(_word(tokens)))
    return parts[0] if len(parts) == 1 else {"concat": parts}


def _word(tokens: Tokens) -> str:
    is_word = tokens.peek() not in ("\n", ";", "{", "}", ",", "", "(", ")", "=", "!=", "==")
    if not is_word or (tokens.peek() in _VERDICTS and not tokens.is_at_string):
        # A verdict taken for a value would be a rule that seems to do nothing.
        raise tokens.error("a value is missing", "write it as `nft list ruleset` does")
    word = tokens.take().text
    if tokens.peek() == "-":
        # A span of times: "08:00"-"17:00".
        tokens.take()
        tokens.take()
    return word


def plain_value(word: str) -> Any:
    """Read one word as nftables' JSON would have it."""
    if word.isdecimal():
        return int(word)
    if "/" not in word and "-" not in word:
        return word
    address, slash, length = word.rpartition("/")
    if slash and length.isdecimal() and _is_address(address):
        return {"prefix": {"addr": address, "len": int(length)}}
    low, dash, high = word.partition("-")
    if dash and ((low.isdecimal() and high.isdecimal()) or (_is_address(low) and _is_address(high))):
        return {"range": [plain_value(low), plain_value(high)]}
    return word


def parse_nat_target(word: str) -> dict[str, Any]:
    """Read `10.0.0.5:502`, `:8080` or `[2001:db8::5]:502`."""
    found: dict[str, Any] = {}
    port = _PORT_AT_END.search(word)
    host = word
    if port is not None and (word.count(":") == 1 or word.startswith("[")):
        found["port"] = plain_value(port[1])
        host = word[: port.start()]
    host = host.removeprefix("[").removesuffix("]")
    if host:
        found["addr"] = plain_value(host)
    return found


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
