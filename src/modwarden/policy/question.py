"""From the names and words of an operator to the question the core is asked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address

from modwarden.guard import KnownValues, Question
from modwarden.model import AssetName, PointMap, PolicyTest, Site, Span, encode_point
from modwarden.policy.errors import QuestionError
from modwarden.policy.request import parse_place, parse_request


@dataclass(frozen=True, slots=True)
class Asked:
    """One request in words, with all that may be said about it."""

    client: str
    server: str
    request: str
    role: str | None = None
    unit_id: int | None = None
    at: datetime | None = None
    conduit: str | None = None
    known: Mapping[str, float | tuple[int, ...]] = field(default_factory=dict)


def asked_by_test(test: PolicyTest) -> Asked:
    """Read one entry of `tests:` as it was meant."""
    return Asked(
        client=str(test.client.address),
        role=test.client.role,
        server=test.server,
        request=test.request,
        unit_id=test.unit_id,
        at=test.at,
        known=test.known,
    )


def compose_question(site: Site, asked: Asked) -> Question:
    """
    Turn words into a question; a name the site does not have is an error, never a guess.

    Raises:
        QuestionError: the client, server or a known value names nothing.
        RequestTextError: the words make no request.
        PointValueError: a point cannot hold its value.
    """
    asset = site.assets.get(AssetName(asked.server))
    if asset is None:
        raise QuestionError(f"{asked.server!r} is no asset of this site")
    points = site.points_of(asset.name)
    unit_id = asked.unit_id
    if unit_id is None and asset.via is not None and asset.unit_ids:
        unit_id = asset.unit_ids[0]
    return Question(
        conduit=asked.conduit,
        client=client_address(site, asked.client),
        role=asked.role,
        server=asset.via or asset.name,
        unit_id=unit_id,
        pdu=parse_request(asked.request, points),
        at_unix_s=None if asked.at is None else _unix_s(site, asked.at),
        known=tuple(_known_values(asked.known, points)),
    )


def client_address(site: Site, client: str) -> str:
    """
    Find the address of a client given by name or address.

    Raises:
        QuestionError: it is neither an asset with an address nor an address.
    """
    asset = site.assets.get(AssetName(client))
    if asset is not None and asset.client_addresses:
        return str(asset.client_addresses[0])
    try:
        return str(ip_address(client))
    except ValueError as error:
        raise QuestionError(f"{client!r} is neither an asset with an address nor an address") from error


def _unix_s(site: Site, at: datetime) -> int:
    # A time without an offset is the site's own, as in `when`.
    return int((at if at.tzinfo else at.replace(tzinfo=site.timezone)).timestamp())


def _known_values(
    known: Mapping[str, float | tuple[int, ...]], points: PointMap | None
) -> Iterator[KnownValues]:
    for name, value in known.items():
        span, raw = _known(name, value, points)
        yield KnownValues(span.table, span.first, list(raw))


def _known(
    name: str, value: float | tuple[int, ...], points: PointMap | None
) -> tuple[Span, tuple[int, ...]]:
    for point in points.points.values() if points else ():
        if point.name == name:
            return point.span, value if isinstance(value, tuple) else encode_point(point, value)
    span = parse_place(name)
    if span is None:
        raise QuestionError(
            f"known value {name!r} is neither a point of this server nor a place such as coil 3"
        )
    return span, value if isinstance(value, tuple) else (_whole(name, value),)


def _whole(name: str, value: float) -> int:
    if value != int(value) or not 0 <= value <= 0xFFFF:
        raise QuestionError(f"known value {value} of {name} is no raw number; only points have such values")
    return int(value)


def parse_known(word: str) -> tuple[str, float | tuple[int, ...]]:
    """
    Read `temperature_setpoint=21.2` or `holding_register 100=[16812, 0]`.

    Raises:
        QuestionError: it has no value, or no number as one.
    """
    name, _, text = word.partition("=")
    raws = text.strip()
    try:
        if raws.startswith("[") and raws.endswith("]"):
            return name.strip(), tuple(int(number, 0) for number in raws[1:-1].split(","))
        return name.strip(), float(raws)
    except ValueError as error:
        raise QuestionError(f"{word!r}: write POINT=VALUE, or TABLE FIRST=[RAW, …]") from error
