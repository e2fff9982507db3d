"""The shape of flows, and of who manages an enforcement point."""

from pydantic import Field

from modwarden.site._fields import FlowPortWord
from modwarden.site._shape import Shape


class FlowShape(Shape):
    """What may cross zones beside the conduits; everything else does not."""

    from_: list[str] = Field(
        alias="from", min_length=1, description="Who connects: zones, assets (names, ranges, `*`), networks."
    )
    to: list[str] = Field(min_length=1, description="To whom: zones, assets (names, ranges, `*`), networks.")
    ports: list[FlowPortWord] = Field(min_length=1, description="Such as tcp/443, udp/123 or icmp (echo).")
    why: str | None = Field(None, description="What it is for; stands beside its rules.")


class ManagementShape(Shape):
    """Who may connect to a router, or a guard's host, itself."""

    from_: list[str] = Field(
        alias="from",
        min_length=1,
        description="Who manages it: zones, assets (names, ranges, `*`), networks.",
    )
    ports: list[FlowPortWord] = Field(min_length=1, description="Such as tcp/22.")
