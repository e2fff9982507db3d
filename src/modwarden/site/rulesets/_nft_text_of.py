"""A rule of nftables' JSON in words that a person can find again."""

from collections.abc import Mapping
from typing import Any


def text_of(rule: Mapping[str, Any]) -> str:
    """Write a rule much as `nft list ruleset` would, with its handle."""
    words = " ".join(_statement(item) for item in rule.get("expr", ()))
    comment = f' comment "{rule["comment"]}"' if "comment" in rule else ""
    handle = f" # handle {rule['handle']}" if "handle" in rule else ""
    return f"{words}{comment}{handle}"


def _statement(item: Any) -> str:
    if not isinstance(item, Mapping):
        return str(item)
    ((kind, body),) = item.items()
    if kind == "match":
        operator = body.get("op", "==")
        sign = "" if operator in ("==", "in") else f"{operator} "
        return f"{_value(body['left'])} {sign}{_value(body['right'])}"
    if kind in ("jump", "goto"):
        return f"{kind} {body['target']}"
    if kind in ("dnat", "snat", "redirect", "masquerade") and isinstance(body, Mapping):
        address, port = _value(body.get("addr", "")), body.get("port")
        return f"{kind} to {address}{'' if port is None else f':{_value(port)}'}"
    return str(kind)


def _value(value: Any) -> str:  # noqa: PLR0911  (one return a kind)
    if isinstance(value, list):
        return ",".join(_value(item) for item in value)
    if not isinstance(value, Mapping):
        return str(value)
    ((kind, body),) = list(value.items())[:1]
    match kind:
        case "payload" if "protocol" in body:
            return f"{body['protocol']} {body['field']}"
        case "meta" | "ct":
            return f"{'' if kind == 'meta' else 'ct '}{body['key']}"
        case "prefix":
            return f"{body['addr']}/{body['len']}"
        case "range":
            return "-".join(_value(item) for item in body)
        case "set":
            return (
                "{ " + ", ".join(_value(item) for item in (body if isinstance(body, list) else [body])) + " }"
            )
        case "concat":
            return " . ".join(_value(item) for item in body)
    return str(kind)
