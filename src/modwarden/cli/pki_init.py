"""`modwarden pki init`: make a root and an issuing CA."""

from pathlib import Path
from typing import Annotated

import typer

from modwarden.cli import _pki
from modwarden.cli._pki import DEFAULT_PKI
from modwarden.cli._printing import print_lines
from modwarden.pki import ISSUING_DAYS, ROOT_DAYS, KeyAlgorithm, Plan, create_pki, load_passphrase


def command(  # noqa: PLR0917  (each option is a parameter)
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", readable=False, help="The PKI's folder, not there yet.")
    ],
    name: Annotated[str, typer.Option("--name", help="Whose PKI it is: stands in every certificate.")],
    key: Annotated[
        KeyAlgorithm, typer.Option("--key", help="Kind of the CAs' keys, and by default of all others.")
    ] = KeyAlgorithm.ECDSA_P256,
    root: Annotated[
        Path | None, typer.Option("--root", metavar="DIR", help="Folder for the root's key [DIR/root].")
    ] = None,
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help="Ask for a passphrase for the root's key.")
    ] = False,
    passphrase_file: _pki.PassphraseOption = None,
    root_days: Annotated[int, typer.Option("--root-days", min=1, max=_pki.MOST_DAYS)] = ROOT_DAYS,
    issuing_days: Annotated[int, typer.Option("--issuing-days", min=1, max=_pki.MOST_DAYS)] = ISSUING_DAYS,
) -> None:
    """Make a root and an issuing CA; then take the root's key away and keep it offline."""
    secret = _passphrase(passphrase_file, is_asked=passphrase)
    plan = Plan(name, key, root_days, issuing_days, root, secret)
    store = create_pki(folder, plan, _pki.now())
    key_folder = root or folder / store.root_folder.name
    option = "" if folder == DEFAULT_PKI else f" --pki {folder}"
    print_lines(
        f"{name}: root CA and issuing CA made in {folder}",
        f"root         {folder / store.root_file.name}: what peers trust",
        f"root's key   {key_folder}: take this folder away and keep it offline; renewing or revoking the",
        "             issuing CA and signing the root's CRL need it, nothing else does",
        f"next         modwarden pki issue client NAME --role ROLE{option}",
    )


def _passphrase(file: Path | None, *, is_asked: bool) -> bytes | None:
    if file is not None:
        return load_passphrase(file)
    if not is_asked:
        return None
    text = typer.prompt("Passphrase for the root's key", hide_input=True, confirmation_prompt=True)
    return str(text).encode()
