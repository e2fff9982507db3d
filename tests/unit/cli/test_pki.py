"""`modwarden pki` as an operator runs it: exit codes, words, and JSON for programs."""

from __future__ import annotations

import io
import json
import os
from typing import TYPE_CHECKING, Any

import pytest
import typer
from tests.doubles.company_ca import DAY, NOW, company, new_key, pem, role, write_key

from modwarden.cli import _pki, main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_pki, "now", lambda: NOW)
    monkeypatch.setenv("NO_COLOR", "1")
    return tmp_path


@pytest.fixture
def pki() -> None:
    assert pki_main("init pki --name Northside") == 0


def pki_main(words: str, *more: str) -> int:
    return main(["pki", *words.split(), *more])


def days_later(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    monkeypatch.setattr(_pki, "now", lambda: NOW + days * DAY)


def listed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    pki_main("list --json")
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("init pki --name Northside", "pki: is there already"),
        ("issue server gate-1 --address 10.11.0.300", "is neither an IP address nor a DNS name"),
        ("issue server ../gate-1 --address 10.10.0.2", "name '../gate-1': cannot be used"),
        ("issue server gate-1 --address 10.10.0.2 --crl-url ftp://a", "is no URL"),
        ("issue server gate-1 --address 10.10.0.2 --days 2000", "longer than the issuing CA"),
        ("renew client hmi-1", "client hmi-1: has no certificate here"),
        ("renew client", "client: needs a name: write `server NAME`"),
        ("renew issuing one", "issuing: takes no name"),
        ("revoke client hmi-1 --reason superseded", "client hmi-1: has no certificate here"),
        ("list --pki elsewhere", "elsewhere: no PKI is there: make one with `modwarden pki init elsewhere`"),
        ("crl --with-root --root elsewhere", "elsewhere/key.pem: the root's key is not there"),
    ],
)
@pytest.mark.usefixtures("pki")
def test_what_the_operator_got_wrong_is_told_and_ends_with_2(
    words: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pki_main(words) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        "init pki",
        "issue server gate-1",
        "issue client hmi-1",
        "issue server gate-1 --address 10.10.0.2 --days 0",
        "issue server gate-1 --address 10.10.0.2 --days 99999999",
        "issue server gate-1 --address 10.10.0.2 --key ed25519",
        "renew root",
        "revoke client hmi-1",
        "revoke client hmi-1 --reason certificate-hold",
        "import client hmi-1 nowhere.pem",
        "init other --name N --passphrase-file nowhere",
    ],
)
@pytest.mark.usefixtures("pki")
def test_words_that_make_no_command_end_with_2(words: str) -> None:
    assert pki_main(words) == 2


@pytest.mark.usefixtures("pki")
def test_a_role_that_cannot_be_issued_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert pki_main("issue client hmi-1 --role", " Operator") == 2
    assert "some stacks cut them off" in capsys.readouterr().err


@pytest.mark.usefixtures("pki")
def test_a_damaged_crl_is_the_worlds_fault(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "pki" / "crls" / "issuing-1.pem").write_text("words")

    assert pki_main("crl") == 3
    assert "restore it from a backup" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
@pytest.mark.usefixtures("pki")
def test_a_folder_that_cannot_be_written_is_the_worlds_fault(folder: Path) -> None:
    (folder / "pki").chmod(0o500)
    try:
        assert pki_main("issue client hmi-1 --role Operator") == 3
        (folder / "pki").chmod(0)
        assert pki_main("list") == 3
    finally:
        (folder / "pki").chmod(0o700)


def test_a_wrong_passphrase_ends_with_2(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, text in (("right", "correct horse\n"), ("wrong", "other\n")):
        (folder / name).touch(0o600)
        (folder / name).write_text(text)
    assert pki_main("init pki --name Northside --passphrase-file right") == 0

    assert pki_main("crl --with-root --passphrase-file wrong") == 2
    assert "does not open with this passphrase" in capsys.readouterr().err
    assert pki_main("crl --with-root --passphrase-file right") == 0


def test_where_no_one_can_be_asked_for_the_passphrase_it_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "right").touch(0o600)
    (folder / "right").write_text("correct horse\n")
    assert pki_main("init pki --name Northside --passphrase-file right") == 0
    monkeypatch.setattr("sys.stdin", io.StringIO())

    assert pki_main("renew issuing") == 2
    assert "has a passphrase: give it with --passphrase-file" in capsys.readouterr().err


def test_at_a_terminal_the_passphrase_is_asked_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def prompt(text: str, **options: Any) -> str:
        assert options["hide_input"]
        asked.append(text)
        return "correct horse"

    monkeypatch.setattr(typer, "prompt", prompt)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert pki_main("init pki --name Northside --passphrase") == 0
    assert pki_main("renew issuing") == 0

    assert asked == ["Passphrase for the root's key", "Passphrase of pki/root/key.pem"]
    assert b"ENCRYPTED" in (folder / "pki" / "root" / "key.pem").read_bytes()


def test_daily_work_needs_no_root_key_and_what_needs_it_takes_it_from_where_it_is(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pki_main("init pki --name Northside --root stick") == 0
    assert not (folder / "pki" / "root").exists()
    (folder / "stick").rename(folder / "safe")
    daily = (
        "issue client hmi-1 --role Operator",
        "issue server gate-1 --address 10.10.0.2",
        "renew client hmi-1",
        "revoke server gate-1 --reason key-compromise",
        "crl",
        "list",
    )

    assert [0] * len(daily) == [pki_main(words) for words in daily]
    assert pki_main("renew issuing") == 2
    assert "bring the root's folder back" in capsys.readouterr().err
    assert pki_main("renew issuing --root safe") == 0
    assert pki_main("revoke issuing --reason ca-compromise --root safe") == 0


@pytest.mark.usefixtures("pki")
def test_issuing_says_where_everything_lies(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert pki_main("issue client hmi-1 --role Operator") == 0
    lines = capsys.readouterr().out.splitlines()

    assert lines[0] == "client hmi-1, role Operator: valid until 2028-04-04 (400 days)"
    assert all((folder / line.split()[1]).is_file() for line in lines[2:])
    assert [line.split()[0] for line in lines[2:]] == ["certificate", "chain", "key"]


@pytest.mark.usefixtures("pki")
def test_the_list_is_json_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    pki_main("issue client hmi-1 --role Operator")
    pki_main("issue server gate-1 --address 10.10.0.2 --address gate-1.plant.example --days 91")
    found = listed(capsys)
    by_name = {entry["name"]: entry for entry in found["certificates"]}

    assert list(by_name) == ["root", "issuing", "gate-1", "hmi-1"]
    assert by_name["gate-1"]["addresses"] == ["10.10.0.2", "gate-1.plant.example"]
    assert {
        "kind": "client",
        "role": "Operator",
        "role_outcome": "role",
        "days_left": 400,
        "mark": None,
        "revoked": None,
        "is_ours": True,
        "is_valid": True,
        "has_key": True,
        "file": "pki/clients/hmi-1/1/certificate.pem",
    }.items() <= by_name["hmi-1"].items()
    assert [crl["days_left"] for crl in found["crls"]] == [365, 30]
    assert found["findings"] == []


@pytest.mark.parametrize(
    ("days", "code", "state"),
    [
        (309, 0, ""),
        (310, 0, "within 90 days"),
        (370, 0, "within 30 days"),
        (393, 1, "within 7 days"),
        (400, 1, "expired"),
    ],
)
@pytest.mark.usefixtures("pki")
def test_the_list_ends_with_1_where_something_expires_within_a_week(
    days: int, code: int, state: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pki_main("issue client hmi-1 --role Operator")
    days_later(monkeypatch, days)
    pki_main("crl --with-root")
    capsys.readouterr()

    assert code == pki_main("list")
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("client"))
    assert line.rstrip().endswith(state or str(400 - days))


@pytest.mark.usefixtures("pki")
def test_what_was_renewed_is_shown_while_it_is_valid_and_then_on_request(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pki_main("issue client hmi-1 --role Operator")
    days_later(monkeypatch, 300)
    pki_main("renew client hmi-1")
    counts = []
    for days, words in ((300, "list"), (500, "list"), (500, "list --all")):
        days_later(monkeypatch, days)
        capsys.readouterr()
        pki_main(words)
        counts.append(sum(line.startswith("client") for line in capsys.readouterr().out.splitlines()))

    assert counts == [2, 1, 2]


@pytest.mark.usefixtures("pki")
def test_a_revocation_shows_in_the_list_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    pki_main("issue client hmi-1 --role Operator")
    assert pki_main("revoke client hmi-1 --reason key-compromise") == 0
    assert "give pki/crl.pem to every peer" in capsys.readouterr().out
    pki_main("list")

    assert "revoked 2027-03-01: key-compromise" in capsys.readouterr().out
    assert {"time": NOW.isoformat(), "reason": "key-compromise"} == listed(capsys)["certificates"][-1][
        "revoked"
    ]


@pytest.mark.usefixtures("pki")
def test_a_company_ca_and_its_certificates_are_listed_as_not_ours(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    works, key = company(), new_key()
    (folder / "works.pem").write_bytes(pem(works.issuing, works.root))
    (folder / "hmi.pem").write_bytes(pem(works.issue("hmi-9", key, [role(b"\x0c\x08Operator")])))
    (folder / "crl.pem").write_bytes(pem(works.crl()))
    write_key(folder / "hmi.key", key)

    assert pki_main("import ca works works.pem") == 0
    assert pki_main("import client hmi-9 hmi.pem --key hmi.key") == 0
    assert pki_main("import crl crl.pem") == 0
    found = listed(capsys)["certificates"]
    assert [(entry["kind"], entry["is_ours"]) for entry in found[2:]] == [
        ("ca", False),
        ("ca", False),
        ("client", False),
    ]
    assert pki_main("list") == 0
    assert "works: Works issuing CA" in capsys.readouterr().out


@pytest.mark.usefixtures("pki")
def test_a_certificate_without_a_role_is_taken_in_with_a_note(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    works = company()
    (folder / "works.pem").write_bytes(pem(works.issuing, works.root))
    (folder / "leaf.pem").write_bytes(pem(works.issue("hmi-9", new_key())))
    pki_main("import ca works works.pem")

    assert pki_main("import client hmi-9 leaf.pem --key-elsewhere") == 0
    assert "note: it carries no role" in capsys.readouterr().err


@pytest.mark.usefixtures("pki")
def test_a_server_without_an_address_is_taken_in_with_a_note(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    works = company()
    (folder / "works.pem").write_bytes(pem(works.issuing, works.root))
    (folder / "leaf.pem").write_bytes(pem(works.issue("gate-9", new_key())))
    pki_main("import ca works works.pem")

    assert pki_main("import server gate-9 leaf.pem --key-elsewhere") == 0
    assert "note: it names no address" in capsys.readouterr().err


@pytest.mark.usefixtures("pki")
def test_a_request_says_what_to_send_and_what_to_do_with_the_answer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    capsys.readouterr()
    assert pki_main("request server gate-1 --address 10.10.0.2") == 0
    assert pki_main("request client hmi-1 --role Operator") == 0
    out = capsys.readouterr().out

    assert "request  pki/requests/servers/gate-1/request.pem" in out
    assert "then     modwarden pki import client hmi-1 FILE" in out


def test_the_guards_process_loads_no_certificates() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from modwarden.cli.app import build_app; build_app('run');"
        "print('modwarden.pki' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "False"


@pytest.mark.parametrize("group", ["", "issue ", "request ", "import "])
def test_every_group_has_help(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert pki_main(f"{group}--help") == 0
    assert "Usage" in capsys.readouterr().out
