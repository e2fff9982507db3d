"""What every point must satisfy, whether it came from YAML or CSV."""

from modwarden.model import LAST_ADDRESS, Point, PointType
from modwarden.site.problems import Mistake


def check_point(point: Point) -> Point:
    """
    Hold a point against its table.

    Raises:
        Mistake: its type or its addresses do not fit.
    """
    if point.table.holds_bits != (point.type == PointType.BIT):
        hint = "bits live in coil and discrete_input, numbers in input_register and holding_register"
        raise Mistake("type-outside-table", f"{point.name}: {point.type} does not fit {point.table}", hint)
    for span in point.spans:
        if span.last > LAST_ADDRESS:
            what = f"{point.name}: {point.type} at {span.table} {span.first} runs past address {LAST_ADDRESS}"
            raise Mistake("outside-table", what, f"addresses are 0-based, 0 to {LAST_ADDRESS}")
        if span.table.holds_bits != point.table.holds_bits:
            hint = "an alias shows the same value, so it lives in a table of the same kind"
            raise Mistake("type-outside-table", f"{point.name}: {point.type} does not fit {span.table}", hint)
    if point.scale == 0:
        raise Mistake(
            "bad-scale", f"{point.name}: scale 0 makes every value the same", "leave it out, or give a factor"
        )
    return point
