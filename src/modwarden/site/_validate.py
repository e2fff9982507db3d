"""Validation: plain data against the shape, each of pydantic's complaints as a problem with its line."""

from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from modwarden.site._schema import SiteShape
from modwarden.site._tree import Tree, TreePath
from modwarden.site.problems import Mistake, Problems, did_you_mean

# Keys without which names elsewhere would seem wrong, or nothing could be built.
_REFERRED = {
    "zones": {"networks"},
    "points": {"at", "type", "file"},
    "assets": {"zone", "addresses", "unit_ids", "unit_id", "via", "points"},
    "conduits": {"from", "to", "guard", "servers", "rules"},
}
_QUOTE_HINT = "check the type; text that looks like a number goes in quotes"


def validate(tree: Tree, problems: Problems) -> SiteShape | None:
    """
    Check the shape of the whole tree.

    What is wrong and nothing else refers to is reported and left out, so that
    what follows can still be checked; after any other complaint, problems would
    be reported that are not there.
    """
    try:
        return SiteShape.model_validate(tree.data)
    except ValidationError as error:
        details = error.errors(include_url=False)
    expendable: set[TreePath | None] = set()
    for detail in details:
        path = _written_path(tree, detail["loc"])
        origin = tree.origin(path)
        problems.add(origin.at(str(path[-1])) if path else origin, _mistake(detail, path))
        part = path if detail["type"] == "extra_forbidden" else _expendable(path)
        expendable.add(None if part is None else tree.written(part))
    if None in expendable:
        return None
    # The deepest and last first, so that the others stay where they are.
    for path in sorted(filter(None, expendable), key=_depth_and_index, reverse=True):
        tree.remove(path)
    return SiteShape.model_validate(tree.data)


def _expendable(path: TreePath) -> TreePath | None:
    """Name the part around a mistake that nothing else in the file refers to."""
    match path:
        case ("tests", int(), *_) | ("flows", _, *_):
            return path[:2]
        case ("conduits", _, "rules", int(), *_):
            return path[:4]
        case ("journal" | "timezone", *_):
            return path[:1]
        case ("points", _, _, key, *_) if key not in _REFERRED["points"]:
            return path[:4]
        case ("zones" | "assets" | "conduits" as section, _, key, *_) if key not in _REFERRED[section]:
            return path[:3]
    return None


def _depth_and_index(path: TreePath) -> tuple[int, int]:
    return len(path), path[-1] if isinstance(path[-1], int) else -1


def _written_path(tree: Tree, location: tuple[int | str, ...]) -> TreePath:
    """Leave out what pydantic adds to a path: tags of unions, `[key]`; a missing key stays at the end."""
    path: TreePath = ()
    match location:
        case ("points", name, "file" | "points", *rest):
            # The third part tells which union was met; a key of a map may have the same word.
            location = ("points", name, *rest)
    for part in location:
        if (*path, part) in tree.places:
            path = (*path, part)
    is_missing = bool(location) and location[-1] != (path[-1] if path else None)
    return (*path, location[-1]) if is_missing and _is_key(location[-1]) else path


def _key_of(path: TreePath) -> str:
    """Name a value by the nearest key: the number of an entry says nothing."""
    return next((part for part in reversed(path) if isinstance(part, str)), "site")


def _is_key(part: int | str) -> bool:
    return isinstance(part, str) and part.replace("_", "").isalpha() and part not in _UNION_TAGS


_UNION_TAGS = {"int", "str", "float", "list", "points", "constrained"}


def _mistake(detail: ErrorDetails, path: TreePath) -> Mistake:
    kind, key = detail["type"], _key_of(path)
    context = detail.get("ctx", {})
    if "hint" in context:
        return Mistake(kind, str(context["what"]), str(context["hint"]))
    if kind == "extra_forbidden":
        keys = _keys_at(path[:-1])
        return Mistake(
            "unknown-key", f"unknown key {key!r}", did_you_mean(key, keys, f"keys here: {', '.join(keys)}")
        )
    if kind == "missing":
        return Mistake("missing-key", f"the key {key!r} is missing", f"add `{key}:`")
    if kind in ("enum", "literal_error"):
        return _bad_word(detail, key, str(context["expected"]))
    if kind.endswith(("_type", "_parsing")):
        hint = "write true or false" if kind.startswith("bool") else _QUOTE_HINT
        return Mistake("wrong-type", f"{key}: {detail['input']!r}: {_lower(detail['msg'])}", hint)
    return Mistake(
        "out-of-range", f"{key}: {detail['input']!r}: {_lower(detail['msg'])}", "choose another value"
    )


def _bad_word(detail: ErrorDetails, key: str, expected: str) -> Mistake:
    words = [word.strip().strip("'") for word in expected.replace(" or ", ",").split(",")]
    hint = did_you_mean(str(detail["input"]), words, f"it is one of {', '.join(words)}")
    return Mistake("bad-value", f"{key}: {detail['input']!r} is not known here", hint)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _keys_at(path: TreePath) -> list[str]:
    """List the keys that the shape knows at a path."""
    shapes: list[Any] = [SiteShape]
    for part in path:
        # Where a model has the key by name, a map that would take any key is not meant.
        named = [shape for shape in shapes if isinstance(shape, type) and _below(shape, part)]
        shapes = [below for shape in named or shapes for below in _below(shape, part)]
    models = [shape for shape in shapes if isinstance(shape, type) and issubclass(shape, BaseModel)]
    return [field.alias or name for model in models for name, field in model.model_fields.items()]


def _below(shape: Any, part: int | str) -> list[Any]:
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        fields = {field.alias or name: field for name, field in shape.model_fields.items()}
        return _members(fields[str(part)].annotation) if part in fields else []
    arguments = get_args(shape)
    if get_origin(shape) is dict:
        return _members(arguments[1])
    return _members(arguments[0]) if get_origin(shape) is list else []


def _members(annotation: Any) -> list[Any]:
    """Take an annotation apart: unions and `Annotated` give their members."""
    if get_origin(annotation) in (dict, list) or isinstance(annotation, type):
        return [annotation]
    if hasattr(annotation, "__metadata__"):
        return _members(annotation.__origin__)
    return [member for argument in get_args(annotation) for member in _members(argument)]
