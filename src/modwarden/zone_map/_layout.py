"""Where the boxes stand: sizes by their text, rows by level, order within a row by a Sugiyama layout."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from fast_sugiyama import from_edges

from modwarden.zone_map._scene import Kind, Node, Scene

CHARACTER = 6.6
_BOLD = 7.9
LINE = 15.0
MARGIN = 24.0
_GAP_X = 28.0
_GAP_Y = 46.0
_GROUP_HEIGHT = 24.0
_WIDEST = 620.0
_BEND = 8.0
# Beyond it nothing moves that an eye would see.
_SWEEPS = 24


@dataclass(frozen=True, slots=True)
class GroupBox:
    """One group of assets within its zone."""

    x: float
    y: float
    width: float
    text: str
    note: str


@dataclass(slots=True)
class Box:
    """A box of the map with its place; `x` and `y` are its upper left corner."""

    node: Node | None
    width: float
    height: float
    x: float = 0.0
    y: float = 0.0
    groups: list[GroupBox] = field(default_factory=list)

    @property
    def middle(self) -> float:
        """Its middle, across."""
        return self.x + self.width / 2


@dataclass(slots=True)
class Layout:
    """All boxes, the bends of each line, and the size of the whole."""

    boxes: dict[str, Box]
    bends: dict[frozenset[str], list[Box]]
    width: float = 0.0
    height: float = 0.0


def lay_out(scene: Scene) -> Layout:
    """Give every box its place."""
    boxes = {key: _sized(node) for key, node in scene.nodes.items()}
    rows: list[dict[str, Box]] = [{node.key: boxes[node.key] for node in row} for row in scene.rows()]
    edges, bends = _edges(scene, rows)
    order = _positions(edges, rows)
    layout = Layout(boxes, bends)
    ordered = [[row[key] for key in sorted(row, key=lambda key: order.get(key, 0.0))] for row in rows]
    y = MARGIN
    for row in ordered:
        _place(row, y)
        y += max((box.height for box in row), default=0.0) + (_GAP_Y if row else 0.0)
    everywhere = {key: box for row in rows for key, box in row.items()}
    _straighten(ordered, [(everywhere[one], everywhere[other]) for one, other in edges])
    _shift(rows)
    layout.width = max((box.x + box.width for row in rows for box in row.values()), default=0.0) + MARGIN
    layout.height = y
    return layout


def _sized(node: Node) -> Box:
    texts = [node.title, *node.lines]
    width = max(len(node.title) * _BOLD, *(len(text) * CHARACTER for text in texts)) + 28
    height = 12 + LINE * len(texts) + 6
    box = Box(node, width, height)
    if node.kind is Kind.ZONE:
        _flow(node, box)
    return box


def _flow(node: Node, box: Box) -> None:
    """Set the groups of a zone in lines, as words are set."""
    widths = [
        len(_text(g.label, g.count)) * CHARACTER + len(g.note) * CHARACTER * 0.85 + 26 for g in node.groups
    ]
    limit = max(box.width, min(_WIDEST, sum(widths) / 2 + 160))
    x, y = 12.0, box.height + 2
    for group, width in zip(node.groups, widths, strict=True):
        if x > 12.0 and x + width > limit:
            x, y = 12.0, y + _GROUP_HEIGHT + 6
        box.groups.append(GroupBox(x, y, width, _text(group.label, group.count), group.note))
        box.width = max(box.width, x + width + 12)
        x += width + 8
    if node.groups:
        box.height = y + _GROUP_HEIGHT + 12


def _text(label: str, count: int) -> str:
    return label if count == 1 else f"{label} \u00d7{count}"


def _edges(
    scene: Scene, rows: list[dict[str, Box]]
) -> tuple[list[tuple[str, str]], dict[frozenset[str], list[Box]]]:
    """Cut long lines at every row that they cross, so that boxes make way for them."""
    where = {key: number for number, row in enumerate(rows) for key in row}
    edges = []
    bends: dict[frozenset[str], list[Box]] = {}
    for link in scene.links:
        upper, lower = sorted((link.one, link.other), key=lambda key: where[key])
        chain = [upper]
        held = []
        for row in range(where[upper] + 1, where[lower]):
            key = f"{upper}|{lower}|{row}"
            box = Box(None, _BEND, 0.0)
            rows[row][key] = box
            chain.append(key)
            held.append(box)
        bends[frozenset((link.one, link.other))] = held
        edges += list(pairwise([*chain, lower]))
    return edges, bends


def _positions(edges: Iterable[tuple[str, str]], rows: list[dict[str, Box]]) -> dict[str, float]:
    """Ask the library for places across; a spine of helpers holds every box in its row."""
    held = list(dict.fromkeys(edges))
    below = {lower for _, lower in held}
    spine = [f"|{number}" for number in range(len(rows))]
    held += list(pairwise(spine))
    for number, row in enumerate(rows[1:], start=1):
        held += [(spine[number - 1], key) for key in row if key not in below]
    for key in rows[0] if rows else ():
        held.append((key, spine[1])) if len(spine) > 1 else None
    # Whole numbers, in a fixed order: the library keeps names in a set, whose order no run repeats.
    numbers = {key: number for number, key in enumerate(dict.fromkeys(key for edge in held for key in edge))}
    if not held:
        return {key: float(index) for row in rows for index, key in enumerate(row)}
    found = from_edges(
        [(numbers[one], numbers[other]) for one, other in held],
        vertex_spacing=10,
        crossing_minimization="barycenter",
        transpose=True,
    )
    places = {number: x for positions, *_ in found for number, (x, _) in positions}
    return {key: float(places[number]) for key, number in numbers.items() if number in places}


def _place(row: list[Box], y: float) -> None:
    """Set a row side by side around the middle of the map."""
    tallest = max((box.height for box in row), default=0.0)
    x = 0.0
    for box in row:
        if box.node is None:
            # A line that crosses a row does so straight.
            box.height = tallest
        box.x, box.y = x, y + (tallest - box.height) / 2
        x += box.width + _GAP_X
    for box in row:
        box.x -= (x - _GAP_X) / 2


def _straighten(rows: list[list[Box]], edges: Iterable[tuple[Box, Box]]) -> None:
    """Draw every box towards those it is joined with; its row keeps its order."""
    joined: dict[int, list[Box]] = {}
    for one, other in edges:
        joined.setdefault(id(one), []).append(other)
        joined.setdefault(id(other), []).append(one)
    for sweep in range(_SWEEPS):
        for row in rows if sweep % 2 == 0 else rows[::-1]:
            wanted = [_mean(joined.get(id(box), [box])) for box in row]
            _spread(row, wanted)


def _mean(boxes: list[Box]) -> float:
    return sum(box.middle for box in boxes) / len(boxes)


def _spread(row: list[Box], wanted: list[float]) -> None:
    """Come as near to the wanted middles as widths let, between pushed from the left and from the right."""
    count = len(row)
    apart = [(row[n].width + row[n + 1].width) / 2 + _GAP_X for n in range(count - 1)]
    left, right = list(wanted), list(wanted)
    for n in range(1, count):
        left[n] = max(left[n], left[n - 1] + apart[n - 1])
    for n in range(count - 2, -1, -1):
        right[n] = min(right[n], right[n + 1] - apart[n])
    for box, low, high in zip(row, left, right, strict=True):
        box.x = (low + high) / 2 - box.width / 2


def _shift(rows: list[dict[str, Box]]) -> None:
    left = min((box.x for row in rows for box in row.values()), default=0.0)
    for row in rows:
        for box in row.values():
            box.x += MARGIN - left
