"""Ask a company CA for a certificate: the key is made here and never leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding

from modwarden.pki._files import make_folder, publish_folder, unpublish_folder
from modwarden.pki.create import organization_of
from modwarden.pki.errors import PkiInputError
from modwarden.pki.keys import KeyAlgorithm, make_key, render_key
from modwarden.pki.profile import signing_request, subject_of
from modwarden.pki.store import CURRENT, KEY, REQUEST

if TYPE_CHECKING:
    from pathlib import Path

    from modwarden.pki.store import Store
    from modwarden.pki.terms import Terms


def make_request(store: Store, terms: Terms, algorithm: KeyAlgorithm) -> Path:
    """
    Make a key and a signing request for it, and give the request's place.

    Raises:
        PkiInputError: one for the same name is still out.
    """
    folder = store.request_folder(terms.kind, terms.name)
    if folder.is_dir() and not _is_answered(store, terms, folder):
        hint = f"import its answer, or remove {folder} to give it up"
        raise PkiInputError(f"{terms.kind} {terms.name}", "has a signing request out", hint)
    key = make_key(algorithm)
    request = signing_request(subject_of(organization_of(store.root()), terms.name), terms, key)
    unpublish_folder(folder)
    for parent in (folder.parent.parent, folder.parent):
        make_folder(parent)
    publish_folder(folder, {KEY: render_key(key), REQUEST: request.public_bytes(Encoding.PEM)})
    return folder / REQUEST


def _is_answered(store: Store, terms: Terms, folder: Path) -> bool:
    """Whether its key is in use already: then a kill came between the import and the end of the request."""
    current = store.lineage(terms.kind, terms.name).path / CURRENT / KEY
    return current.is_file() and current.read_bytes() == (folder / KEY).read_bytes()
