"""The map as SVG: plain shapes and text, light enough to print."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from textwrap import wrap
from xml.sax.saxutils import escape

from modwarden.model import Site
from modwarden.site.proof import Proof, Violation
from modwarden.zone_map._layout import LINE, MARGIN, Box, GroupBox, Layout
from modwarden.zone_map._scene import Kind, Link, Scene

_FILL = {0: "#e6f2ea", 1: "#e7eef8", 2: "#fdf3dc", 3: "#f2eaf5", 4: "#f2f2f2", 5: "#eeeeee"}
_STROKE = {0: "#3d7a53", 1: "#3b5f94", 2: "#a6781a", 3: "#7a4a8c", 4: "#777777", 5: "#777777"}
_BOX = {
    Kind.ROUTER: ("#ffffff", "#333333"),
    Kind.GUARD: ("#dff3e4", "#1d7a3a"),
    Kind.HOST: ("#fff0dd", "#b35c00"),
    Kind.ACCESS: ("#fff0dd", "#b35c00"),
}
_LINE = {Kind.ROUTER: "#555555", Kind.GUARD: "#1d7a3a", Kind.HOST: "#b35c00", Kind.ACCESS: "#b35c00"}
_RED = "#c81e1e"
_LEGEND_WIDTH = 112
_OPENING = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
    'viewBox="0 0 {width:.0f} {height:.0f}">'
)
_ARROW = (
    '<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
    'orient="auto-start-reverse"><path d="M0,0 L10,5 L0,10 z" fill="#1d7a3a"/></marker></defs>'
)
_KEY = (
    ("#555555", "", "routed"),
    ("#1d7a3a", "7 4", "Modbus through a guard"),
    ("#b35c00", "", "through a host, or a way in"),
    (_RED, "", "violation"),
)
_STYLE = (
    "text{font-family:'DejaVu Sans',Verdana,sans-serif;font-size:11px;fill:#1a1a1a}"
    ".t{font-weight:bold;font-size:12px}.n{fill:#555}.h{font-size:18px;font-weight:bold}.r{fill:#c81e1e}"
)


def render_svg(site: Site, scene: Scene, layout: Layout, proof: Proof | None) -> str:
    """Write the map."""
    legend = list(_legend(proof))
    head = 66.0
    width = max(layout.width, 760.0)
    height = head + layout.height + LINE * (len(legend) + 2) + MARGIN
    offset = (width - layout.width) / 2
    parts = [
        _OPENING.format(width=width, height=height),
        f"<style>{_STYLE}</style>",
        _ARROW,
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>',
        _words(MARGIN, 32, site.name, "h"),
        *_key(),
        f'<g transform="translate({offset:.1f},{head:.1f})">',
        *(part for link in scene.links for part in _link(scene, layout, link)),
        *(part for box in layout.boxes.values() for part in _box(box)),
        *_badges(scene, layout),
        "</g>",
        *(
            _words(MARGIN, head + layout.height + LINE * (number + 1), line, style)
            for number, (line, style) in enumerate(legend)
        ),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _box(box: Box) -> Iterator[str]:
    node = box.node
    assert node is not None
    if node.kind is Kind.ZONE:
        level = 4 if node.level is None else node.level
        fill, stroke, radius = _FILL[level], _STROKE[level], 4
    else:
        (fill, stroke), radius = _BOX[node.kind], 10
    yield _rect(
        box.x,
        box.y,
        box.width,
        box.height,
        f'fill="{fill}" stroke="{stroke}" stroke-width="1.5" rx="{radius}"',
    )
    for number, line in enumerate((node.title, *node.lines)):
        style = "t" if number == 0 else "n"
        yield _words(box.x + 14, box.y + 20 + LINE * number, line, style)
    for group in box.groups:
        yield from _group(box, group)


def _group(box: Box, group: GroupBox) -> Iterator[str]:
    is_guard = group.note == "guard"
    fill, stroke = ("#dff3e4", "#1d7a3a") if is_guard else ("#ffffff", "#999999")
    x, y = box.x + group.x, box.y + group.y
    yield _rect(x, y, group.width, 24, f'fill="{fill}" stroke="{stroke}" rx="3"')
    yield _words(x + 8, y + 16, group.text, "")
    if group.note:
        yield (
            f'<text x="{x + group.width - 8:.1f}" y="{y + 16:.1f}" text-anchor="end" class="n" '
            f'style="font-size:9px">{escape(group.note)}</text>'
        )


def _link(scene: Scene, layout: Layout, link: Link) -> Iterator[str]:
    pair = frozenset((link.one, link.other))
    points = _points(layout, link)
    is_red = pair in scene.red
    colour, width = (_RED, 3.0) if is_red else (_LINE[link.kind], 1.5)
    dash = ' stroke-dasharray="7 4"' if link.kind in (Kind.GUARD, Kind.ACCESS) and not is_red else ""
    arrow = _arrow(layout, link) if not is_red else ""
    yield f'<path d="{_curve(points)}" fill="none" stroke="{colour}" stroke-width="{width}"{dash}{arrow}/>'


def _arrow(layout: Layout, link: Link) -> str:
    """Point along a conduit, from its clients over the guard to its servers."""
    if link.kind is not Kind.GUARD:
        return ""
    zone, guard = layout.boxes[link.one], layout.boxes[link.other]
    tip, tail = (zone, guard) if link.label == "to" else (guard, zone)
    return f' marker-{"end" if tip.y > tail.y else "start"}="url(#arrow)"'


def _points(layout: Layout, link: Link) -> list[tuple[float, float]]:
    ends = sorted((layout.boxes[link.one], layout.boxes[link.other]), key=lambda box: box.y)
    upper, lower = ends
    through = sorted(layout.bends[frozenset((link.one, link.other))], key=lambda box: box.y)
    bends = [(box.middle, y) for box in through for y in (box.y, box.y + box.height)]
    below = bends[0][0] if bends else lower.middle
    above = bends[-1][0] if bends else upper.middle
    start = (_within(upper, below), upper.y + upper.height)
    return [start, *bends, (_within(lower, above), lower.y)]


def _within(box: Box, x: float) -> float:
    """Leave a box as near to where the line goes as its side allows."""
    inset = min(20.0, box.width / 4)
    return min(max(x, box.x + inset), box.x + box.width - inset)


def _curve(points: list[tuple[float, float]]) -> str:
    text = f"M{points[0][0]:.1f},{points[0][1]:.1f}"
    for (x1, y1), (x2, y2) in pairwise(points):
        if x1 == x2:
            text += f" L{x2:.1f},{y2:.1f}"
            continue
        middle = (y1 + y2) / 2
        text += f" C{x1:.1f},{middle:.1f} {x2:.1f},{middle:.1f} {x2:.1f},{y2:.1f}"
    return text


def _badges(scene: Scene, layout: Layout) -> Iterator[str]:
    for link in scene.links:
        numbers = scene.red.get(frozenset((link.one, link.other)), [])
        if numbers:
            points = _points(layout, link)
            (x1, y1), (x2, y2) = points[-2], points[-1]
            x, y = (x1 + x2) / 2, (y1 + y2) / 2
            text = ",".join(str(number) for number in numbers)
            width = 12 + 7 * len(text)
            yield _rect(x - width / 2, y - 9, width, 18, f'fill="{_RED}" rx="9"')
            yield (
                f'<text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle" '
                f'style="fill:#fff;font-weight:bold">{text}</text>'
            )


def _key() -> Iterator[str]:
    x = MARGIN
    for colour, dash, text in _KEY:
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        yield f'<path d="M{x:.0f},50 h30" stroke="{colour}" stroke-width="2"{dashes}/>'
        yield _words(x + 36, 54, text, "n")
        x += 60 + 6.6 * len(text)


def _legend(proof: Proof | None) -> Iterator[tuple[str, str]]:
    if proof is None:
        yield "No zone has a level: nothing is proven of this site.", "n"
        return
    if proof.holds:
        count = len(proof.assumptions)
        ground = "1 assumption" if count == 1 else f"{count} assumptions"
        yield f"Every path between IT and OT ends in the DMZ, under {ground} (check --proof).", "n"
    yield from _numbered(proof.violations)


def _numbered(violations: Iterable[Violation]) -> Iterator[tuple[str, str]]:
    for number, violation in enumerate(violations, start=1):
        finding = violation.finding
        text = f"{number}  {finding.message} ({finding.origin})"
        for index, line in enumerate(wrap(text, _LEGEND_WIDTH, subsequent_indent="     ")):
            yield line if index == 0 else f"     {line.strip()}", "r"


def _rect(x: float, y: float, width: float, height: float, style: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" {style}/>'


def _words(x: float, y: float, text: str, style: str) -> str:
    attribute = f' class="{style}"' if style else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{attribute}>{escape(text)}</text>'
