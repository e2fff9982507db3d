"""The shape of points and their limits."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from modwarden.model import (
    Order,
    PointType,
)
from modwarden.site._fields import (
    Duration,
    FromText,
    Place,
    ValueRange,
)
from modwarden.site._shape import Shape

_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_OrderWord = Annotated[Order, FromText]


class MaxChangeShape(Shape):
    """A bound on how far a value may move within a time."""

    by: _Positive = Field(description="Largest difference, in engineering units.")
    within: Duration = Field(alias="in", description="The window.")


class LimitsShape(Shape):
    """What a written value is held to, in engineering units."""

    range: ValueRange | None = Field(None, description="Smallest and largest value, inclusive.")
    allowed: list[_Finite] | None = Field(None, description="The only values.")
    max_step: _Finite | None = Field(None, ge=0, description="Largest difference from the last known value.")
    max_change: MaxChangeShape | None = Field(
        None, description="Largest difference from any value in a window."
    )
    per_minute: Annotated[int, Field(ge=0, le=0xFFFF_FFFF)] | None = Field(
        None, description="Most forwarded writes in any 60 s, all clients together."
    )
    max_age: Duration | None = Field(
        None, description="Age after which a known value counts as unknown; 60s."
    )


class PointShape(Shape):
    """A named, typed value of a server; value = raw * scale + offset."""

    at: Place = Field(description="Table and 0-based addresses, inclusive.")
    type: Annotated[PointType, FromText] | None = Field(
        None, description="Its type; may be left out for bits."
    )
    word_order: _OrderWord = Field(Order.BIG, description="Which register comes first.")
    byte_order: _OrderWord = Field(Order.BIG, description="Which byte of a register comes first.")
    scale: _Finite = Field(1.0, description="Multiplier of the raw value.")
    offset: _Finite = Field(0.0, description="Added after scaling.")
    engineering_unit: str | None = Field(None, description="Unit shown beside the value, such as degC.")
    aliases: list[Place] = Field(
        default_factory=list, description="Other addresses that show the same value."
    )
    partial: Literal["permit", "deny"] = Field(
        "deny", description="Whether a write may cover only part of it."
    )
    read_side_effect: bool = Field(
        default=False, description="Reading it has an effect: no window answers it again."
    )
    write: LimitsShape | None = Field(None, description="Limits on written values.")


class ColumnsShape(Shape):
    """Which column of the CSV file holds what."""

    name: str = Field("name", description="Name of the point.")
    address: str = Field("address", description="40101, 400101, 4x101, or a number in the table of `table`.")
    table: str = Field("table", description="Table, where the address does not say it.")
    type: str = Field("type", description="Type of the value.")
    word_order: str = Field("word_order", description="big or little.")
    byte_order: str = Field("byte_order", description="big or little.")
    scale: str = Field("scale", description="Multiplier.")
    offset: str = Field("offset", description="Offset.")
    engineering_unit: str = Field("engineering_unit", description="Unit.")
    min: str = Field("min", description="Smallest value that may be written.")
    max: str = Field("max", description="Largest value that may be written.")
    max_step: str = Field("max_step", description="Largest step of a write.")
    per_minute: str = Field("per_minute", description="Most writes a minute.")


class PointFileShape(Shape):
    """Points from a CSV file."""

    file: str = Field(description="The CSV file, relative to the site file.")
    columns: ColumnsShape = Field(default_factory=ColumnsShape, description="The vendor's column names.")
    types: dict[str, Annotated[PointType, FromText]] = Field(
        default_factory=dict, description="The vendor's words for types; those of IEC 61131-3 are known."
    )
    delimiter: str = Field(",", min_length=1, max_length=1, description="Between the columns.")
    encoding: str = Field("utf-8-sig", description="Text encoding of the file.")
    first_address: Literal[0, 1] = Field(0, description="What the vendor calls a table's first address.")
    word_order: _OrderWord = Field(Order.BIG, description="Where the file has no such column.")
    byte_order: _OrderWord = Field(Order.BIG, description="Where the file has no such column.")


def _kind_of_map(value: Any) -> str:
    return "file" if isinstance(value, dict) and isinstance(value.get("file"), str) else "points"


PointMapShape = Annotated[
    Annotated[PointFileShape, Tag("file")] | Annotated[dict[str, PointShape], Tag("points")],
    Discriminator(_kind_of_map),
]
