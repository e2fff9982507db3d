"""Limits on the values that may be written to a point, in engineering units."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class MaxChange:
    """The largest difference from any value known within a window."""

    by: float
    in_ms: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What a written value is held to; `None` leaves that side free."""

    range: tuple[float, float] | None = None
    allowed: tuple[float, ...] | None = None
    max_step: float | None = None
    max_change: MaxChange | None = None
    per_minute: int | None = None
    max_age_ms: int | None = None

    def overridden_by(self, other: "Limits") -> "Limits":
        """Replace, key by key, what `other` states."""
        stated = {f.name: value for f in fields(other) if (value := getattr(other, f.name)) is not None}
        kept = {f.name: getattr(self, f.name) for f in fields(self)}
        return Limits(**(kept | stated))

    def admits_all_of(self, other: "Limits") -> bool:
        """Say whether each write that `other` lets pass also passes these limits."""
        return (
            _range_admits(self.range, other)
            and _allowed_admits(self.allowed, other.allowed)
            and _bound_admits(self.max_step, other.max_step)
            and _change_admits(self.max_change, other.max_change)
            and _bound_admits(self.per_minute, other.per_minute)
            and _age_admits(self, other)
        )

    @property
    def can_pass(self) -> bool:
        """Say whether any value at all satisfies these limits."""
        if self.per_minute == 0:
            return False
        if self.range is not None and self.range[0] > self.range[1]:
            return False
        if self.allowed is None:
            return True
        if self.range is None:
            return bool(self.allowed)
        return any(self.range[0] <= value <= self.range[1] for value in self.allowed)


def _range_admits(outer: tuple[float, float] | None, other: Limits) -> bool:
    if outer is None:
        return True
    if other.range is not None and outer[0] <= other.range[0] and other.range[1] <= outer[1]:
        return True
    return other.allowed is not None and all(outer[0] <= value <= outer[1] for value in other.allowed)


def _allowed_admits(outer: tuple[float, ...] | None, inner: tuple[float, ...] | None) -> bool:
    return outer is None or (inner is not None and set(inner) <= set(outer))


def _bound_admits(outer: float | None, inner: float | None) -> bool:
    return outer is None or (inner is not None and inner <= outer)


def _change_admits(outer: MaxChange | None, inner: MaxChange | None) -> bool:
    if outer is None:
        return True
    return inner is not None and inner.by <= outer.by and inner.in_ms >= outer.in_ms


def _age_admits(outer: Limits, inner: Limits) -> bool:
    # Age only matters where a step is limited; two unequal ages are not compared further.
    return outer.max_step is None or outer.max_age_ms == inner.max_age_ms
