"""One run of the demo: what it works with, what it has learnt, and how it plays an act."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modwarden import lab
from modwarden.cli._demo_acts import Act, Outcome, play
from modwarden.cli._demo_product import Product, refusals_of

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from rich.console import Console
    from rich.status import Status

    from modwarden.cli._demo_children import Children
    from modwarden.cli._demo_folder import Folder


@dataclass
class Stage:
    """One run of the demo, as far as it has come."""

    console: Console
    folder: Folder
    units: int
    children: Children
    product: Product
    outcomes: list[Outcome] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    afterwards: dict[str, Any] = field(default_factory=dict)

    @property
    def units_at(self) -> str:
        return f"127.11.0.[1-{self.units}]:15020"

    @property
    def guard_at(self) -> str:
        return f"127.10.0.2:[15001-{15000 + self.units}]"

    def say(self, *lines: str) -> None:
        for line in lines:
            self.console.print(line, soft_wrap=True)

    def quote(self, text: str) -> None:
        """Print what a command said, set apart."""
        for line in text.rstrip().splitlines():
            self.console.print(f"    {line}", markup=False, soft_wrap=True)

    def refused_so_far(self) -> Counter[str]:
        return refusals_of(self.product.records("--client", lab.ATTACKER_ADDRESS))


def perform_act(stage: Stage, act: Act, encore: Callable[[], None] = lambda: None) -> Outcome:
    with stage.console.status("the plant starts") as status:

        def pause_and_encore() -> None:
            status.stop()
            encore()

        outcome = play(
            act,
            stage.units,
            stage.folder.rooms(act.number),
            stage.children,
            lambda history: _follow(status, history),
            pause_and_encore,
        )
    stage.outcomes.append(outcome)
    return outcome


def _follow(status: Status, history: lab.History) -> None:
    now, outside = history.rooms_degc[-1], int(history.is_outside()[-1].sum())
    status.update(
        f"plant minute {history.plant_minutes[-1]:3.0f}   {len(now) - outside} of {len(now)} rooms within "
        f"18-24 °C   {now.min():.1f} to {now.max():.1f} °C"
    )
