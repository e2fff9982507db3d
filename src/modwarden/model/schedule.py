"""A schedule: weekly windows of local time, as `when: "Mon-Fri 07:00-17:00"`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_LONG_DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
DAY_NAMES = tuple(name[:3] for name in _LONG_DAY_NAMES)
DAY_S = 86_400
WEEK_S = 7 * DAY_S

_PART = re.compile(r"^(?P<days>[A-Za-z]+(?:\s*-\s*[A-Za-z]+)?)?\s*(?P<times>\d.*)?$")
_TIMES = re.compile(r"^(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})$")


class ScheduleError(ValueError):
    """A text that is no schedule; says which part and why."""


@dataclass(frozen=True, slots=True)
class Window:
    """Days (0 = Monday) and seconds after midnight; `to_s` before `from_s` runs into the next day."""

    days: tuple[int, ...]
    from_s: int
    to_s: int

    def week_intervals(self) -> Iterator[tuple[int, int]]:
        """Give half-open intervals of seconds since Monday 00:00; one that passes Sunday is split."""
        length = (self.to_s - self.from_s) % DAY_S or DAY_S
        for day in self.days:
            start = day * DAY_S + self.from_s
            end = start + length
            yield start, min(end, WEEK_S)
            if end > WEEK_S:
                yield 0, end - WEEK_S


def parse_schedule(text: str) -> tuple[Window, ...]:
    """
    Read windows such as `Mon-Fri 07:00-17:00, Sat, Sun 08:00-12:00`.

    A part without times lends its days to the next part; a schedule without any days means every day.

    Raises:
        ScheduleError: a day, a time or their order is wrong.
    """
    windows: list[Window] = []
    days: list[int] = []
    has_named_days = False
    for part in (part.strip() for part in text.split(",")):
        match = _PART.match(part)
        if not part or match is None:
            raise ScheduleError(f"{part!r} is neither days nor times")
        days += _parse_days(match["days"]) if match["days"] else []
        if match["times"]:
            has_named_days |= bool(days)
            if has_named_days and not days:
                # Read as every day, it would permit at weekends what was meant for the days before it.
                raise ScheduleError(f"{part!r} does not say on which days, though the times before it do")
            windows.append(_window(days or list(range(7)), match["times"]))
            days = []
    if days:
        raise ScheduleError(f"{text!r} ends with days that have no times")
    return tuple(windows)


def _window(days: list[int], times: str) -> Window:
    match = _TIMES.match(times)
    if match is None:
        raise ScheduleError(f"{times!r} is not a time such as 07:00-17:00")
    from_s, to_s = (_seconds(match[i], match[i + 1]) for i in (1, 3))
    if from_s in (to_s, DAY_S):
        raise ScheduleError(f"{times!r} holds no time; a whole day is 00:00-24:00")
    return Window(tuple(sorted(set(days))), from_s, to_s)


def _seconds(hours: str, minutes: str) -> int:
    seconds = int(hours) * 3600 + int(minutes) * 60
    if int(minutes) > 59 or seconds > DAY_S:
        raise ScheduleError(f"{hours}:{minutes} is no time of day")
    return seconds


def _parse_days(text: str) -> list[int]:
    first, _, last = (word.strip() for word in text.partition("-"))
    start = _parse_day(first)
    end = _parse_day(last) if last else start
    return [(start + i) % 7 for i in range((end - start) % 7 + 1)]


def _parse_day(word: str) -> int:
    for index, name in enumerate(_LONG_DAY_NAMES):
        if len(word) > 2 and name.startswith(word.capitalize()):
            return index
    raise ScheduleError(f"{word!r} is no day; days are {' '.join(DAY_NAMES)}")
