"""Take in what a company CA issued: what does not belong together changes nothing."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from tests.doubles.company_ca import (
    CLIENT,
    DAY,
    NOW,
    SERVER,
    CompanyCa,
    ca,
    carrying_twice,
    certificate,
    company,
    new_key,
    pem,
    purpose,
    role,
    write_key,
)

from modwarden.model import RoleName
from modwarden.pki import (
    Brought,
    Entry,
    KeyAlgorithm,
    Kind,
    PkiInputError,
    RoleOutcome,
    Store,
    Terms,
    authorities_of,
    import_ca,
    import_crls,
    import_holder,
    make_request,
    parse_addresses,
    read_inventory,
    read_role,
)
from modwarden.pki._pem import load_crls
from modwarden.pki.chain import path_to_root
from modwarden.pki.store import kept_certificates

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

OPERATOR = role(b"\x0c\x08Operator")


@pytest.fixture
def works(store: Store, tmp_path: Path) -> CompanyCa:
    made = company()
    (tmp_path / "works.pem").write_bytes(pem(made.issuing, made.root))
    import_ca(store, "works", tmp_path / "works.pem", NOW)
    return made


def no_passphrase(_: Path) -> bytes | None:
    return None


def bring(store: Store, kind: Kind, name: str, brought: Brought) -> Entry:
    return import_holder(store, kind, name, brought, no_passphrase, NOW)


def file_of(tmp_path: Path, *certificates: x509.Certificate) -> Path:
    path = tmp_path / "brought.pem"
    path.write_bytes(pem(*certificates))
    return path


def refused(store: Store, file: Path, match: str, *, kind: Kind = Kind.CLIENT) -> None:
    """See that a certificate without a key is refused, and that nothing came of it."""
    before = read_inventory(store)
    with pytest.raises(PkiInputError, match=match):
        bring(store, kind, "hmi-9", Brought(file, is_key_elsewhere=True))

    assert before == read_inventory(store)


def ca_refused(store: Store, file: Path, match: str) -> None:
    with pytest.raises(PkiInputError, match=match):
        import_ca(store, "works", file, NOW)

    assert not (store.path / "cas").exists()


# === a company CA ===


def test_a_server_is_no_ca(store: Store, tmp_path: Path) -> None:
    made = company()
    leaf = made.issue("gate-1", new_key())

    ca_refused(store, file_of(tmp_path, leaf, made.issuing, made.root), "'gate-1': is no CA")


def test_a_ca_that_may_not_sign_is_none(store: Store, tmp_path: Path) -> None:
    key = new_key()
    usage = x509.KeyUsage(True, False, False, False, False, False, True, False, False)
    made = certificate("Works root CA", key, ("Works root CA", key), [ca(), (usage, True)])

    ca_refused(store, file_of(tmp_path, made), "may not sign certificates")


def test_an_expired_ca_is_refused(store: Store, tmp_path: Path) -> None:
    made = company(issuing_end=NOW)

    ca_refused(store, file_of(tmp_path, made.issuing, made.root), "'Works issuing CA': expired on 2027-03-01")


def test_a_ca_of_the_future_is_refused(store: Store, tmp_path: Path) -> None:
    key = new_key()
    lasts = (NOW + DAY, NOW + 2 * DAY)
    made = certificate("Works root CA", key, ("Works root CA", key), [ca()], lasts=lasts)

    ca_refused(store, file_of(tmp_path, made), "begins at 2027-03-02 12:00 UTC: wait")


def test_a_chain_without_its_root_is_refused(store: Store, tmp_path: Path) -> None:
    ca_refused(
        store, file_of(tmp_path, company().issuing), "was issued by 'Works root CA', which is not here"
    )


def test_a_chain_with_another_root_of_the_same_name_is_refused(store: Store, tmp_path: Path) -> None:
    file = file_of(tmp_path, company().issuing, company().root)

    ca_refused(store, file, "names 'Works root CA' as its CA but is not signed with that key")


def test_two_cas_in_one_file_are_refused(store: Store, tmp_path: Path) -> None:
    first, second = company(), company()
    file = file_of(tmp_path, first.issuing, first.root, second.root)

    ca_refused(store, file, "not part of one chain: give one CA's chain a file")


def test_more_cas_than_the_root_permits_are_refused(store: Store, tmp_path: Path) -> None:
    keys = [new_key() for _ in range(3)]
    root = certificate("a", keys[0], ("a", keys[0]), [ca(0)])
    middle = certificate("b", keys[1], ("a", keys[0]), [ca()])

    ca_refused(store, file_of(tmp_path, middle, root), "'a': permits 0 CAs below it")


def test_a_ca_signed_with_a_weak_hash_is_refused(store: Store, tmp_path: Path) -> None:
    key, below = new_key(), new_key()
    root = certificate("a", key, ("a", key), [ca()])
    weak = certificate("b", below, ("a", key), [ca()], digest=hashes.SHA224())

    ca_refused(store, file_of(tmp_path, weak, root), "'b': is signed with a weak or unknown hash")


@pytest.mark.needs_tool("openssl")
def test_a_certificate_signed_with_sha1_is_refused_in_the_same_words(tmp_path: Path) -> None:
    key, now = new_key(), datetime.now(UTC)  # openssl takes the host's time
    root = certificate("a", key, ("a", key), [ca()], lasts=(now - DAY, now + DAY))
    (tmp_path / "a.pem").write_bytes(pem(root))
    write_key(tmp_path / "a.key", key)
    write_key(tmp_path / "b.key", new_key())
    for command in (
        "req -new -key b.key -subj /CN=b -out b.csr",
        "x509 -req -in b.csr -CA a.pem -CAkey a.key -set_serial 5 -sha1 -days 9 -out weak.pem",
    ):
        subprocess.run(["openssl", *command.split()], cwd=tmp_path, capture_output=True, check=True)
    chain = tmp_path / "chain.pem"
    chain.write_bytes((tmp_path / "weak.pem").read_bytes() + pem(root))

    with pytest.raises(PkiInputError, match="'b': is signed with a weak or unknown hash"):
        path_to_root(*_split(chain), now + timedelta(minutes=1), chain)


def _split(chain: Path) -> tuple[x509.Certificate, list[x509.Certificate]]:
    lowest, *above = kept_certificates(chain)
    return lowest, above


def test_a_ca_with_a_key_that_no_suite_uses_is_refused(store: Store, tmp_path: Path) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    made = certificate("a", key, ("a", key), [ca()], digest=None)

    ca_refused(store, file_of(tmp_path, made), "kind or size of key that peers refuse")


def test_a_critical_extension_that_peers_do_not_know_is_refused(store: Store, tmp_path: Path) -> None:
    key = new_key()
    strange = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.50316.999"), b"\x05\x00")
    made = certificate("a", key, ("a", key), [ca(), (strange, True)])

    ca_refused(store, file_of(tmp_path, made), "has the critical extension 1.3.6.1.4.1.50316.999")


def test_of_a_cas_certificates_for_one_key_the_one_that_lasts_longest_counts(
    store: Store, tmp_path: Path
) -> None:
    works = company(issuing_end=NOW + 20 * DAY)
    root = ("Works root CA", works.root_key)
    later = certificate("Works issuing CA", works.issuing_key, root, [ca(0)])
    for name, issuing in (("works", works.issuing), ("works-later", later)):
        import_ca(store, name, file_of(tmp_path, issuing, works.root), NOW)
    brought = Brought(file_of(tmp_path, works.issue("hmi-9", new_key(), [OPERATOR])), is_key_elsewhere=True)
    entry = import_holder(store, Kind.CLIENT, "hmi-9", brought, no_passphrase, NOW + 20 * DAY)

    assert kept_certificates(entry.path.parent / "chain.pem")[1] == later


def test_a_ca_that_is_here_already_is_not_taken_twice(store: Store, works: CompanyCa, tmp_path: Path) -> None:
    with pytest.raises(PkiInputError, match="is here already"):
        import_ca(store, "again", file_of(tmp_path, works.root, works.issuing), NOW)


def test_a_chain_is_kept_in_order_whatever_the_files_order(store: Store, tmp_path: Path) -> None:
    made = company()
    entries = import_ca(store, "works", file_of(tmp_path, made.root, made.issuing), NOW)

    assert [made.issuing, made.root] == kept_certificates(entries[0].path)
    assert not any(entry.is_ours for entry in entries)


# === what it issued ===


def test_a_certificate_of_a_ca_that_was_never_imported_is_refused(store: Store, tmp_path: Path) -> None:
    made = company()
    leaf = made.issue("hmi-9", new_key(), [OPERATOR])

    refused(store, file_of(tmp_path, leaf), "was issued by 'Works issuing CA', which is not here")
    # A chain that brings its own root is not trusted for that.
    refused(store, file_of(tmp_path, leaf, made.issuing, made.root), "which was never imported")


def test_a_certificate_that_signed_itself_is_refused(store: Store, works: CompanyCa, tmp_path: Path) -> None:
    key = new_key()

    assert works
    refused(
        store, file_of(tmp_path, certificate("hmi-9", key, ("hmi-9", key), [OPERATOR])), "was never imported"
    )


def test_a_certificate_that_only_names_its_ca_is_refused(
    store: Store, works: CompanyCa, tmp_path: Path
) -> None:
    forged = certificate("hmi-9", new_key(), ("Works issuing CA", new_key()), [OPERATOR])

    assert works
    refused(
        store, file_of(tmp_path, forged), "names 'Works issuing CA' as its CA but is not signed with that key"
    )


def test_a_certificate_signed_by_a_server_is_refused(store: Store, works: CompanyCa, tmp_path: Path) -> None:
    key = new_key()
    server = works.issue("gate-1", key)
    leaf = certificate("hmi-9", new_key(), ("gate-1", key), [OPERATOR])

    refused(store, file_of(tmp_path, leaf, server), "'gate-1': is no CA")


def test_an_expired_certificate_is_refused(store: Store, works: CompanyCa, tmp_path: Path) -> None:
    leaf = works.issue("hmi-9", new_key(), [OPERATOR], end=NOW)

    refused(store, file_of(tmp_path, leaf), "'hmi-9': expired on")


def test_a_certificate_whose_ca_has_expired_is_refused(store: Store, tmp_path: Path) -> None:
    works = company(issuing_end=NOW + 20 * DAY)
    import_ca(store, "works", file_of(tmp_path, works.issuing, works.root), NOW)
    brought = Brought(file_of(tmp_path, works.issue("hmi-9", new_key(), [OPERATOR])), is_key_elsewhere=True)

    with pytest.raises(PkiInputError, match="'Works issuing CA': expired on"):
        import_holder(store, Kind.CLIENT, "hmi-9", brought, no_passphrase, NOW + 20 * DAY)


def test_a_ca_first_in_the_file_is_refused(store: Store, works: CompanyCa, tmp_path: Path) -> None:
    leaf = works.issue("hmi-9", new_key(), [OPERATOR])

    refused(store, file_of(tmp_path, works.issuing, leaf), "begins with a CA's certificate")


def test_a_server_is_no_client(store: Store, works: CompanyCa, tmp_path: Path) -> None:
    server = file_of(tmp_path, works.issue("gate-1", new_key(), [purpose(SERVER)]))
    refused(store, server, "may not be used for a TLS client")
    client = file_of(tmp_path, works.issue("hmi-9", new_key(), [purpose(CLIENT)]))
    refused(store, client, "may not be used for a TLS server", kind=Kind.SERVER)


def test_a_certificate_that_may_not_sign_a_handshake_is_refused(
    store: Store, works: CompanyCa, tmp_path: Path
) -> None:
    usage = x509.KeyUsage(False, False, False, False, True, False, False, False, False)
    leaf = works.issue("hmi-9", new_key(), [OPERATOR, (usage, True)])

    refused(store, file_of(tmp_path, leaf), "may not sign a handshake")


@pytest.mark.parametrize(
    ("value", "match"),
    [
        (b"\x0c\x01a\x0c\x01b", "carries two roles"),
        (b"\x13\x08Operator", "has a role that is no UTF8String"),
        (b"\x0c\x00", "has a role that cannot be read"),
        (b"Operator", "has a role that cannot be read"),
    ],
)
def test_a_role_that_cannot_be_read_is_refused(
    store: Store, works: CompanyCa, tmp_path: Path, value: bytes, match: str
) -> None:
    refused(store, file_of(tmp_path, works.issue("hmi-9", new_key(), [role(value)])), match)


def test_a_certificate_with_two_role_extensions_is_refused(store: Store, tmp_path: Path) -> None:
    refused(
        store, file_of(tmp_path, carrying_twice(new_key())), "carries two roles: R-65 asks for exactly one"
    )


def test_cas_that_signed_each_other_lead_nowhere(store: Store, tmp_path: Path) -> None:
    a, b = new_key(), new_key()
    first, second = certificate("a", a, ("b", b), [ca()]), certificate("b", b, ("a", a), [ca()])
    leaf = certificate("hmi-9", new_key(), ("a", a), [OPERATOR])

    refused(store, file_of(tmp_path, leaf, first, second), "goes round in a circle")


@pytest.mark.parametrize(
    "key", [rsa.generate_private_key(65_537, 1024), ed25519.Ed25519PrivateKey.generate()]
)
def test_a_key_that_peers_refuse_is_refused(
    store: Store, works: CompanyCa, tmp_path: Path, key: rsa.RSAPrivateKey
) -> None:
    refused(store, file_of(tmp_path, works.issue("hmi-9", key, [OPERATOR])), "key that peers refuse")


def test_another_certificates_key_is_refused(store: Store, works: CompanyCa, tmp_path: Path) -> None:
    file = file_of(tmp_path, works.issue("hmi-9", new_key(), [OPERATOR]))
    key = write_key(tmp_path / "key.pem", new_key())

    with pytest.raises(PkiInputError, match="is for another key than the one given"):
        bring(store, Kind.CLIENT, "hmi-9", Brought(file, key))
    assert not (store.path / "clients").exists()


def test_a_certificate_without_its_key_needs_a_word(store: Store, works: CompanyCa, tmp_path: Path) -> None:
    file = file_of(tmp_path, works.issue("hmi-9", new_key(), [OPERATOR]))

    with pytest.raises(PkiInputError, match="comes without a key, and no signing request is out"):
        bring(store, Kind.CLIENT, "hmi-9", Brought(file))


def test_what_is_here_already_is_not_taken_twice(store: Store, works: CompanyCa, tmp_path: Path) -> None:
    file = file_of(tmp_path, works.issue("hmi-9", new_key(), [OPERATOR]))
    bring(store, Kind.CLIENT, "hmi-9", Brought(file, is_key_elsewhere=True))

    refused(store, file, "is here already")


def test_our_own_certificate_is_not_taken_in(store: Store, hmi: Entry, works: CompanyCa) -> None:
    assert works
    refused(store, hmi.path, "is here already")


def test_certificate_and_key_that_belong_together_are_taken_in_as_not_ours(
    store: Store, works: CompanyCa, tmp_path: Path
) -> None:
    key = new_key()
    file = file_of(tmp_path, works.issue("hmi-9", key, [OPERATOR, purpose(CLIENT, SERVER)]))
    path = write_key(tmp_path / "key.pem", key, b"secret")
    brought = Brought(file, path)
    entry = import_holder(store, Kind.CLIENT, "hmi-9", brought, lambda _: b"secret", NOW)
    kept = entry.path.parent / "key.pem"

    assert not entry.is_ours
    assert entry.is_valid(NOW)
    assert entry.has_key
    assert kept.stat().st_mode & 0o777 == 0o600
    assert b"ENCRYPTED" not in kept.read_bytes()
    assert read_role(entry.certificate).role == "Operator"
    assert [entry.certificate, works.issuing, works.root] == kept_certificates(
        entry.path.parent / "chain.pem"
    )


def test_a_certificate_without_a_role_has_no_role(store: Store, works: CompanyCa, tmp_path: Path) -> None:
    file = file_of(tmp_path, works.issue("hmi-9", new_key()))
    entry = bring(store, Kind.CLIENT, "hmi-9", Brought(file, is_key_elsewhere=True))

    assert RoleOutcome.NO_ROLE is read_role(entry.certificate).outcome
    assert not entry.has_key


# === signing requests ===


def test_a_second_request_does_not_overwrite_the_first_ones_key(store: Store) -> None:
    terms = Terms(Kind.SERVER, "gate-1", parse_addresses(["10.10.0.2"]))
    first = make_request(store, terms, KeyAlgorithm.ECDSA_P256)
    key = (first.parent / "key.pem").read_bytes()

    with pytest.raises(PkiInputError, match="has a signing request out"):
        make_request(store, terms, KeyAlgorithm.ECDSA_P256)
    assert key == (first.parent / "key.pem").read_bytes()


def test_an_answer_to_another_request_is_refused(store: Store, works: CompanyCa, tmp_path: Path) -> None:
    terms = Terms(Kind.CLIENT, "hmi-9", role=RoleName("Operator"))
    request = make_request(store, terms, KeyAlgorithm.ECDSA_P256)
    file = file_of(tmp_path, works.issue("hmi-9", new_key(), [OPERATOR]))

    with pytest.raises(PkiInputError, match="is for another key"):
        bring(store, Kind.CLIENT, "hmi-9", Brought(file))
    assert request.is_file()


@pytest.mark.parametrize("algorithm", list(KeyAlgorithm))
def test_an_answered_request_becomes_a_certificate_with_the_key_that_waited(
    store: Store, works: CompanyCa, tmp_path: Path, algorithm: KeyAlgorithm
) -> None:
    terms = Terms(Kind.CLIENT, "hmi-9", parse_addresses(["10.10.0.5"]), RoleName("Operator"))
    request = make_request(store, terms, algorithm)
    waiting = (request.parent / "key.pem").read_bytes()
    answer = works.answer(x509.load_pem_x509_csr(request.read_bytes()))
    entry = bring(store, Kind.CLIENT, "hmi-9", Brought(file_of(tmp_path, answer)))

    assert waiting == (entry.path.parent / "key.pem").read_bytes()
    assert read_role(entry.certificate).role == "Operator"
    assert not request.parent.exists()


def test_a_request_whose_end_a_kill_prevented_does_not_hold_up_the_next(
    store: Store, works: CompanyCa, tmp_path: Path
) -> None:
    terms = Terms(Kind.SERVER, "gate-1", parse_addresses(["10.10.0.2"]))
    request = make_request(store, terms, KeyAlgorithm.ECDSA_P256)
    answer = works.answer(x509.load_pem_x509_csr(request.read_bytes()))
    shutil.copytree(request.parent, tmp_path / "kept")
    bring(store, Kind.SERVER, "gate-1", Brought(file_of(tmp_path, answer)))
    shutil.copytree(tmp_path / "kept", request.parent)
    later = make_request(store, terms, KeyAlgorithm.ECDSA_P256)

    assert (tmp_path / "kept" / "request.pem").read_bytes() != later.read_bytes()


# === CRLs ===


def test_a_crl_that_no_imported_ca_signed_is_refused(store: Store, works: CompanyCa, tmp_path: Path) -> None:
    file = tmp_path / "crl.pem"
    for crl in (company().crl(), works.crl(key=new_key())):
        file.write_bytes(pem(crl))
        with pytest.raises(PkiInputError, match="which is no imported CA's"):
            import_crls(store, file)


def test_an_older_crl_does_not_take_the_place_of_a_newer(
    store: Store, works: CompanyCa, tmp_path: Path
) -> None:
    file = tmp_path / "crl.pem"
    file.write_bytes(pem(works.crl([7], at=NOW + DAY)))
    import_crls(store, file)
    file.write_bytes(pem(works.crl()))

    with pytest.raises(PkiInputError, match="is older than the CRL that is here"):
        import_crls(store, file)


def test_a_companys_crl_revokes_what_that_company_issued(
    store: Store, works: CompanyCa, tmp_path: Path
) -> None:
    leaf = works.issue("hmi-9", new_key(), [OPERATOR])
    bring(store, Kind.CLIENT, "hmi-9", Brought(file_of(tmp_path, leaf), is_key_elsewhere=True))
    file = tmp_path / "crl.pem"
    file.write_bytes(pem(works.crl([leaf.serial_number])))
    import_crls(store, file)
    entry = read_inventory(store).current(Kind.CLIENT, "hmi-9")

    assert entry is not None
    assert entry.revocation is not None
    assert not entry.is_valid(NOW)
    assert len(load_crls(store.path / "crl.pem")) == 3


# === whose authority ===


@pytest.mark.parametrize("order", [lambda chain: chain, lambda chain: chain[::-1]])
def test_a_ca_is_known_by_its_key_on_both_sides_whatever_it_is_called(
    order: Callable[[Sequence[x509.Certificate]], Sequence[x509.Certificate]],
) -> None:
    made, other = company(), company()
    renamed = certificate("Totally different CA", made.root_key, ("x", new_key()), [ca()])
    leaf = made.issue("gate-1", new_key())
    one = authorities_of(order([leaf, made.issuing, made.root]))
    shared = set(one) & set(authorities_of([renamed]))

    assert {"Works issuing CA", "Works root CA"} == set(one.values())
    assert [one[key] for key in shared] == ["Works root CA"]
    assert not set(one) & set(authorities_of([other.issuing, other.root]))
