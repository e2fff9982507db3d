"""The smaller nouns: schedules, functions, networks, sockets, findings."""

import re
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from modwarden.model import (
    WEEK_S,
    Finding,
    Function,
    FunctionSelectorError,
    Origin,
    ScheduleError,
    Severity,
    Socket,
    Span,
    Table,
    Window,
    Zone,
    ZoneName,
    contains,
    function_catalogue,
    function_sets,
    parse_function,
    parse_schedule,
)

SETS_RS = Path(__file__).resolve().parents[3] / "crates" / "wire" / "src" / "sets.rs"


def named(code: int, sub: int | None = None) -> Function:
    return next(f for f in function_catalogue() if (f.function_code, f.sub_function) == (code, sub))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "neither days nor times"),
        ("Mon 07:00-17:00,", "neither days nor times"),
        ("!", "neither days nor times"),
        ("Xyz 07:00-17:00", "'Xyz' is no day"),
        ("Mo 07:00-17:00", "'Mo' is no day"),
        ("Monkey 07:00-17:00", "'Monkey' is no day"),
        ("Mon-Fri 07:00-17:00, 20:00-21:00", "does not say on which days"),
        ("Mon-Fri", "days that have no times"),
        ("Mon 7-17", "is not a time such as"),
        ("Mon 07:60-17:00", "07:60 is no time of day"),
        ("Mon 07:00-24:01", "24:01 is no time of day"),
        ("Mon 07:00-07:00", "holds no time"),
        ("Mon 24:00-07:00", "holds no time"),
    ],
)
def test_a_text_that_is_no_schedule_says_why(text: str, words: str) -> None:
    with pytest.raises(ScheduleError, match=words):
        parse_schedule(text)


@pytest.mark.parametrize(
    ("text", "windows"),
    [
        ("Mon-Fri 07:00-17:00", (Window((0, 1, 2, 3, 4), 25_200, 61_200),)),
        ("07:00-17:00", (Window((0, 1, 2, 3, 4, 5, 6), 25_200, 61_200),)),
        (
            "07:00-08:00, 20:00-21:00",
            (Window(tuple(range(7)), 25_200, 28_800), Window(tuple(range(7)), 72_000, 75_600)),
        ),
        ("sat, Sunday 00:00-24:00", (Window((5, 6), 0, 86_400),)),
        (
            "Fri-Mon 22:00-06:00, Wed 08:00-09:00",
            (Window((0, 4, 5, 6), 79_200, 21_600), Window((2,), 28_800, 32_400)),
        ),
    ],
)
def test_a_schedule_is_read_as_weekly_windows(text: str, windows: tuple[Window, ...]) -> None:
    assert parse_schedule(text) == windows


def test_a_window_past_sunday_midnight_goes_on_on_monday() -> None:
    assert list(Window((6,), 79_200, 21_600).week_intervals()) == [(6 * 86_400 + 79_200, WEEK_S), (0, 21_600)]
    assert list(Window((0,), 0, 86_400).week_intervals()) == [(0, 86_400)]


@pytest.mark.parametrize(
    "word",
    ["reads", "read.*.*", "diag", "Read", "", "0", "128", "3/1", "43/256", "90/0x100", "8/65536", "8/"],
)
def test_a_word_that_names_no_function_is_refused(word: str) -> None:
    with pytest.raises(FunctionSelectorError):
        parse_function(word)


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("read", "read"),
        ("diagnostics.*", "diagnostics"),
        ("0x10", "16"),
        ("8/4", "8/4"),
        ("90/0x41", "90/65"),
        ("65", "65"),
    ],
)
def test_a_word_is_kept_in_decimal(word: str, text: str) -> None:
    assert str(parse_function(word)) == text


@pytest.mark.parametrize(
    ("word", "code", "sub", "part", "covers"),
    [
        ("diagnostics", 8, 4, "diagnostics.listen_only", True),
        ("read", 23, None, "read", True),
        ("read", 23, None, "write", False),
        ("23", 23, None, "write", True),
        ("8", 8, 4, "diagnostics.listen_only", True),
        ("8/1", 8, 4, "diagnostics.listen_only", False),
        ("8/4", 8, 4, "diagnostics.listen_only", True),
        ("3", 4, None, "read", False),
    ],
)
def test_a_selector_covers_its_set_code_or_sub_function(
    word: str, code: int, sub: int | None, part: str, *, covers: bool
) -> None:
    assert parse_function(word).covers(named(code, sub), part) == covers


def test_every_code_is_in_exactly_one_set_and_23_in_two() -> None:
    assert {f.function_code for f in function_catalogue()} == set(range(1, 128))
    assert {f.function_code for f in function_catalogue() if len(f.sets) != 1} == {23}
    assert named(23).sets == ("read", "write")
    assert "umas" in function_sets()


def test_the_sets_are_those_of_the_core() -> None:
    block = SETS_RS.read_text().partition("fn name(")[2].partition("\n    }\n")[0]
    core = set(re.findall(r'=> "([a-z_.]+)"', block))

    assert core == {name for function in function_catalogue() for name in function.sets}


def test_networks_hold_their_own_kind_only() -> None:
    assert contains(ip_network("10.0.0.0/8"), ip_network("10.1.0.0/16"))
    assert contains(ip_network("2001:db8::/32"), ip_network("2001:db8::1/128"))
    assert not contains(ip_network("::/0"), ip_network("10.0.0.0/8"))
    assert not Zone(ZoneName("z")).holds(ip_address("10.0.0.1"))


def test_places_are_written_as_the_operator_would() -> None:
    assert str(Socket(ip_address("10.0.0.1"), 502)) == "10.0.0.1:502"
    assert str(Socket(ip_address("::1"), 502)) == "[::1]:502"
    assert str(Span(Table.COIL, 3, 3)) == "coil 3"
    assert str(Span(Table.COIL, 3, 5)) == "coil 3-5"
    assert not Table.INPUT_REGISTER.is_writable


def test_an_origin_knows_the_lines_of_its_keys() -> None:
    origin = Origin("site.yaml", 3, {"when": 5})

    assert str(origin.at("when")) == "site.yaml:5"
    assert str(origin.at("else")) == "site.yaml:3"
    finding = Finding("x", Severity.NOTE, "this", "do that", origin)
    assert str(finding) == "site.yaml:3: this: do that"
