"""Names and small numbers that cross room walls, each with a type of its own."""

from typing import NewType

ZoneName = NewType("ZoneName", str)
AssetName = NewType("AssetName", str)
ConduitName = NewType("ConduitName", str)
RuleName = NewType("RuleName", str)
PointName = NewType("PointName", str)
PointMapName = NewType("PointMapName", str)
TunnelName = NewType("TunnelName", str)
RoleName = NewType("RoleName", str)
UnitId = NewType("UnitId", int)
