"""YAML files as plain data, with the line of every key and item."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from modwarden.model import Origin
from modwarden.site.problems import Mistake, Problems

# Deeper than any site file needs; an alias that holds itself would have no end.
_MAX_DEPTH = 32
# May stand in every file of a folder, if all agree.
_REPEATABLE = ("modwarden",)
# Sections whose entries may come from several files.
_MERGED = (
    "zones",
    "points",
    "assets",
    "conduits",
    "identity_sources",
    "accounts",
    "transceivers",
    "buses",
    "tunnels",
)

TreePath: TypeAlias = tuple[str | int, ...]
_Held = TypeVar("_Held")


@dataclass(slots=True)
class Tree:
    """Plain data, and where each part of it was written."""

    data: dict[str, Any] = field(default_factory=dict)
    places: dict[TreePath, tuple[str, int]] = field(default_factory=dict)
    children: dict[TreePath, dict[str, int]] = field(default_factory=dict)

    def origin(self, path: Iterable[str | int]) -> Origin:
        """Say where a path stands; parts that were not written are left off its end."""
        at = self.written(tuple(path))
        file, line = self.places[at]
        return Origin(file, line, self.children.get(at, {}))

    def written(self, path: TreePath) -> TreePath:
        """Leave off the end of a path what was not written."""
        while path and path not in self.places:
            path = path[:-1]
        return path

    def remove(self, path: TreePath) -> None:
        """Take a part out; the items after it move up, and keep their lines."""
        parent: Any = self.data
        for part in path[:-1]:
            parent = parent[part]
        parent.pop(path[-1])
        if isinstance(path[-1], int):
            self.places = _moved_up(self.places, path[:-1], path[-1])
            self.children = _moved_up(self.children, path[:-1], path[-1])


def read_tree(path: Path, problems: Problems) -> Tree:
    """
    Read one file, or merge the YAML files of a folder.

    Raises:
        OSError: a file cannot be read.
    """
    tree = Tree(places={(): (str(path), 1)})
    for file in site_files(path):
        _read_file(file, tree, problems)
    return tree


def _moved_up(held: dict[TreePath, _Held], at: TreePath, gone: int) -> dict[TreePath, _Held]:
    """Give the items of one list that follow a removed one the number before theirs."""
    moved = {}
    for path, value in held.items():
        index = path[len(at)] if path[: len(at)] == at and len(path) > len(at) else None
        if not isinstance(index, int) or index < gone:
            moved[path] = value
        elif index > gone:
            moved[(*at, index - 1, *path[len(at) + 1 :])] = value
    return moved


def site_files(path: Path) -> list[Path]:
    """List the files that a site is read from."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if file.suffix in (".yaml", ".yml"))


def _read_file(file: Path, tree: Tree, problems: Problems) -> None:
    name = str(file)
    text = file.read_bytes()
    try:
        # Nothing is written back here, so comments need not be gathered.
        node = YAML(typ="safe", pure=True).compose(text.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = text[: error.start].count(b"\n") + 1
        problems.add(
            Origin(name, line), Mistake("not-utf-8", "this is not UTF-8 text", "save the file as UTF-8")
        )
        return
    except YAMLError as error:
        problems.add(_error_origin(name, error), _syntax_mistake(error))
        return
    if node is None:
        return
    with problems.at(Origin(name, node.start_mark.line + 1)):
        if not isinstance(node, MappingNode):
            raise Mistake("wrong-type", "a site file is a mapping", "start with `modwarden: 1`")
        _Reader(name, tree, problems).merge(node)


def _error_origin(name: str, error: YAMLError) -> Origin:
    mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
    return Origin(name, mark.line + 1 if mark is not None else 1)


def _syntax_mistake(error: YAMLError) -> Mistake:
    problem = error.problem if isinstance(error, MarkedYAMLError) else None
    what = problem or str(error).partition("\n")[0]
    return Mistake("yaml-syntax", f"this is not YAML: {what}", "look at this line and the one above it")


@dataclass(slots=True)
class _Reader:
    """Turns the nodes of one file into data, and notes their lines."""

    file: str
    tree: Tree
    problems: Problems

    def merge(self, root: MappingNode) -> None:
        """Add a file's sections to what other files gave."""
        for key_node, value_node in root.value:
            key = self._key(key_node)
            if key in self.tree.data and not self._may_meet(key, value_node):
                self._duplicate((key,), key_node)
            elif key in _MERGED and isinstance(value_node, MappingNode) and key in self.tree.data:
                self._mapping(value_node, (key,), self.tree.data[key])
            elif key == "tests" and isinstance(value_node, SequenceNode) and key in self.tree.data:
                self._sequence(value_node, (key,), self.tree.data[key])
            else:
                self._note((key,), key_node)
                self.tree.data[key] = self._value(value_node, (key,))

    def _may_meet(self, key: str, node: Node) -> bool:
        held = self.tree.data[key]
        same_file = self.tree.places[(key,)][0] == self.file
        if key in _REPEATABLE:
            return not same_file and bool(self._value(node, (key,)) == held)
        both_mappings = key in _MERGED and isinstance(held, dict) and isinstance(node, MappingNode)
        both_lists = key == "tests" and isinstance(held, list) and isinstance(node, SequenceNode)
        return not same_file and (both_mappings or both_lists)

    def _value(self, node: Node, path: TreePath) -> Any:
        if len(path) > _MAX_DEPTH:
            self.problems.add(
                self._origin(node), Mistake("too-deep", "this is nested too deeply", "undo the alias")
            )
            return None
        if isinstance(node, MappingNode):
            return self._mapping(node, path, {})
        if isinstance(node, SequenceNode):
            return self._sequence(node, path, [])
        return self._scalar(node)

    def _mapping(self, node: MappingNode, path: TreePath, into: dict[str, Any]) -> dict[str, Any]:
        for key_node, value_node in node.value:
            key = self._key(key_node)
            if key in into:
                self._duplicate((*path, key), key_node)
                continue
            self._note((*path, key), key_node)
            into[key] = self._value(value_node, (*path, key))
        return into

    def _sequence(self, node: SequenceNode, path: TreePath, into: list[Any]) -> list[Any]:
        for item in node.value:
            here = (*path, len(into))
            self._note(here, item)
            into.append(self._value(item, here))
        return into

    def _key(self, node: Node) -> str:
        if isinstance(node, ScalarNode):
            return str(node.value)
        self.problems.add(
            self._origin(node), Mistake("bad-key", "a key is a word", "put text before the colon")
        )
        return ""

    def _scalar(self, node: Node) -> Any:
        try:
            return _construct(str(node.value), str(node.tag).rpartition(":")[2])
        except ValueError:
            what = f"{node.value!r} cannot be read as {node.tag}"
            self.problems.add(
                self._origin(node), Mistake("bad-value", what, "put it in quotes, or drop the tag")
            )
            return None

    def _note(self, path: TreePath, node: Node) -> None:
        line = node.start_mark.line + 1
        self.tree.places[path] = (self.file, line)
        self.tree.children.setdefault(path[:-1], {})[str(path[-1])] = line

    def _duplicate(self, path: TreePath, node: Node) -> None:
        file, line = self.tree.places[path]
        what = f"the key {path[-1]!r} is here twice; the first is at {file}:{line}"
        self.problems.add(self._origin(node), Mistake("duplicate-key", what, "keep one of them"))

    def _origin(self, node: Node) -> Origin:
        return Origin(self.file, node.start_mark.line + 1)


def _construct(text: str, tag: str) -> Any:
    if tag == "null":
        return None
    if tag == "bool":
        return text.lower() == "true"
    if tag == "int":
        return _integer(text)
    return _float(text) if tag == "float" else text


def _integer(text: str) -> int:
    digits = text.lower()
    # YAML 1.2 core schema: 0x and 0o are the only prefixes; a leading zero means nothing.
    if digits.startswith("0x"):
        return int(digits, 16)
    return int(digits, 8) if digits.startswith("0o") else int(digits)


def _float(text: str) -> float:
    special: Mapping[str, str] = {".inf": "inf", "+.inf": "inf", "-.inf": "-inf", ".nan": "nan"}
    return float(special.get(text.lower(), text))
