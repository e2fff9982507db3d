"""What follows the attack: a refusal explained, a reload under load, a record that shows a changed byte."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from modwarden import lab
from modwarden.cli._demo_children import ChildError
from modwarden.cli._demo_product import alter_one_byte, found_something, write_as_the_hmi

if TYPE_CHECKING:
    from modwarden.cli._demo_stage import Stage

FORBIDDEN_DEGC = 30.0
UNDER_LOAD_S = 3.0  # three polls of every unit after the reload


def encore(stage: Stage, refused_before: int, reload_times: list[float]) -> None:
    """Play on while the HMI polls: its own refused write, and a reload."""
    refused = stage.refused_so_far()
    stage.afterwards["requests refused"] = refused.total() - refused_before
    stage.say(f"  The guard refused {stage.afterwards['requests refused']:,} of the attacker's requests.")
    _refuse_the_hmi(stage)
    with stage.console.status("reloading the policy under load"):
        reload_times.append(time.time() - 1.0)
        answer = stage.product.change("max_step: 0.5", "max_step: 0.4")
        time.sleep(UNDER_LOAD_S)
        reload_times.append(time.time())
    stage.say("  The policy is changed (max_step 0.4) and reloaded while the HMI polls:")
    stage.quote(answer.text)


def _refuse_the_hmi(stage: Stage) -> None:
    server = lab.parse_endpoints(stage.guard_at)[16]
    tally = write_as_the_hmi(FORBIDDEN_DEGC, server)
    if tally.answered:
        raise ChildError(f"the HMI's setpoint of {FORBIDDEN_DEGC} degC passed: {tally.summary()}")
    denials = stage.product.records("--client", "hmi-1", "--server", server.name, "--verdict", "deny")
    sequence = int(denials[-1]["sequence"])
    stage.afterwards["record of the HMI's refused write"] = sequence
    stage.say(
        f"  The HMI itself asks {server.name} for {FORBIDDEN_DEGC:g} °C, and is refused (record {sequence}):"
    )
    stage.quote(stage.product.explain(sequence))


def proof(stage: Stage) -> None:
    """Verify the journal, then change one byte of a copy and look again."""
    stage.say("[bold]The record.[/]")
    with stage.console.status("verifying the journal"):
        stage.product.stop()
        records = len(stage.product.records())
        sound = stage.product.verify(stage.folder.journal)
    if sound.exit_code != 0:
        raise ChildError(f"the journal does not verify:\n{sound.text}")
    stage.afterwards["records in the journal"] = records
    stage.say(f"  {records:,} records; the chain and every signature hold:")
    stage.quote(sound.text)
    victim, place = alter_one_byte(stage.folder)
    altered = stage.product.verify(stage.folder.altered)
    if not found_something(altered):
        raise ChildError(f"byte {place} of {victim} was altered and not found:\n{altered.text}")
    stage.say(f"  In a copy, byte {place:,} of {victim.name} is changed. The same command says:")
    stage.quote(altered.text)
    stage.say("")
