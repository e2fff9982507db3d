"""What a run of the demo came to: one table, one picture, one JSON file, all from the run itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rich.table import Table

from modwarden import lab
from modwarden.lab.plot import Panel, plot_rooms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modwarden.cli._demo_acts import Outcome
    from modwarden.cli._demo_folder import Folder

ARRANGED = (
    "Arranged for the demo: plant time is accelerated (six plant minutes a second). "
    "In acts two and three the attacker can reach only\n"
    "the guard's addresses; in a plant, a firewall or transparent insertion makes that true."
)
_TITLES = ("Act one: no guard", "Act two: the guard observes", "Act three: the guard enforces")
OVERWRITE = "Write Multiple Registers (0x10), again"


def rooms_line(outcome: Outcome) -> str:
    """Say what the rooms went through."""
    rooms = outcome.history.rooms_degc.shape[1]
    left, lost = outcome.history.rooms_that_left(), outcome.history.batches_lost()
    return f"{left} of {rooms} rooms left the band, {lost} {'batch' if lost == 1 else 'batches'} lost"


def overwritten(outcome: Outcome) -> str:
    """Say how many setpoints the attacker overwrote with code 16."""
    move = outcome.attack["moves"][OVERWRITE]
    return f"{move['answered']} of {move['sent']} setpoints overwritten"


def figures_of(outcome: Outcome) -> dict[str, Any]:
    """Gather the figures of one act."""
    overwrite, latency = outcome.attack["moves"][OVERWRITE], outcome.hmi["latency"]
    return {
        "rooms": outcome.history.rooms_degc.shape[1],
        "rooms that left 18-24 °C": outcome.history.rooms_that_left(),
        "batches lost": outcome.history.batches_lost(),
        "coldest room, °C": round(float(outcome.history.rooms_degc.min()), 1),
        "warmest room, °C": round(float(outcome.history.rooms_degc.max()), 1),
        "attacker: requests sent": outcome.attacks("sent"),
        "attacker: setpoints overwritten (0x10)": f"{overwrite['answered']} of {overwrite['sent']}",
        "attacker: answered as if permitted": outcome.attacks("answered"),
        "attacker: answered with an exception": outcome.attacks("exceptions"),
        "attacker: connection refused or closed": outcome.attacks("refused"),
        "attacker: no answer": outcome.attacks("timeouts"),
        "HMI: polls of all units": outcome.hmi["polls"],
        "HMI: polls lost": outcome.hmi["lost_polls"],
        "HMI: setpoints adjusted": _adjusted(outcome.hmi["adjustments"]),
        "HMI: reply, median, ms": latency["p50_ms"],
        "HMI: reply, 99th percentile, ms": latency["p99_ms"],
    }


def summary_table(acts: Sequence[dict[str, Any]]) -> Table:
    """Put the acts side by side."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 3, 0, 0))
    table.add_column("")
    for title in ("no guard", "observes", "enforces")[: len(acts)]:
        table.add_column(title, justify="right")
    for key in acts[0]:
        if key != "rooms":
            table.add_row(key, *(shown(act[key]) for act in acts))
    return table


def draw(folder: Folder, outcomes: Sequence[Outcome], words: Sequence[str]) -> None:
    """Draw the rooms of all acts, as PNG and SVG."""
    panels = [
        Panel(title, word, outcome.history, outcome.attack_minute)
        for title, word, outcome in zip(_TITLES, words, outcomes, strict=False)
    ]
    rooms = outcomes[0].history.rooms_degc.shape[1]
    plot_rooms(
        panels,
        f"{rooms} cleanrooms under the same attack",
        f"{ARRANGED}\nA batch is lost when its room is outside the band for more than "
        f"{lab.BATCH_TOLERANCE_MINUTES:.0f} plant minutes in one piece.",
        [folder.plot("png"), folder.plot("svg")],
    )


def write_figures(folder: Folder, figures: dict[str, Any]) -> None:
    folder.figures.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _adjusted(tally: dict[str, Any]) -> str:
    return f"{tally['answered']} of {tally['sent']}"


def shown(value: Any) -> str:
    """Group the digits of whole numbers."""
    return f"{value:,}" if isinstance(value, int) else str(value)
