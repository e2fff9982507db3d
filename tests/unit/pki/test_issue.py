"""Issue and renew: what a certificate says, and what is not issued."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from tests.doubles.company_ca import DAY, NOW, name, new_key

from modwarden.pki import (
    Entry,
    KeyAlgorithm,
    Kind,
    Order,
    PkiInputError,
    Plan,
    Reason,
    Store,
    Terms,
    create_pki,
    entries_to_revoke,
    issue,
    load_root,
    parse_addresses,
    parse_crl_url,
    parse_name,
    read_inventory,
    read_role,
    renew,
    renew_issuing,
    revoke,
    revoke_issuing,
)
from modwarden.pki.store import kept_certificates

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def no_passphrase(_: Path) -> bytes | None:
    return None


def server(*addresses: str) -> Terms:
    return Terms(Kind.SERVER, "gate-1", parse_addresses(addresses))


def write_request(path: Path, *, alter: bool = False) -> tuple[Path, ec.EllipticCurvePrivateKey]:
    key = new_key()
    builder = x509.CertificateSigningRequestBuilder().subject_name(name("someone else"))
    data = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    if alter:
        data = data.replace(b"someone", b"anybody")
    path.write_bytes(x509.load_der_x509_csr(data).public_bytes(Encoding.PEM))
    return path, key


@pytest.mark.parametrize("text", ["", ".", "..", "a/b", "-a", "a-", "ä", "a b", "a\n", "x" * 65, ".hidden"])
def test_a_name_that_cannot_be_a_folder_is_refused(text: str) -> None:
    with pytest.raises(PkiInputError, match="cannot be used"):
        parse_name(text)


@pytest.mark.parametrize(
    "word",
    [
        "",
        "10.11.0.300",
        "10.11.0.0/16",
        "10.10.0.2:802",
        "fe80::1%eth0",
        "a_b",
        "*.plant.example",
        "-a",
        "a..b",
        "ü.example",
        "a." * 127 + "a",
        "http://a",
        "1",
    ],
)
def test_what_is_neither_an_address_nor_a_name_is_refused(word: str) -> None:
    with pytest.raises(PkiInputError, match="is neither an IP address nor a DNS name"):
        parse_addresses([word])


@pytest.mark.parametrize("text", ["", "10.20.0.9", "ldap://10.20.0.9/crl", "http://a b", "http://a\n"])
def test_a_place_that_is_no_url_is_refused(text: str) -> None:
    with pytest.raises(PkiInputError, match="is no URL"):
        parse_crl_url(text)


def test_who_has_a_valid_certificate_gets_no_second(
    store: Store, hmi: Entry, client_of: Callable[..., Terms]
) -> None:
    with pytest.raises(PkiInputError, match="has a valid certificate: renew it"):
        issue(store, client_of("hmi-1", "Engineer"), Order(), NOW)
    assert (hmi,) == read_inventory(store).named(Kind.CLIENT, "hmi-1")


def test_who_has_none_cannot_renew(store: Store) -> None:
    with pytest.raises(PkiInputError, match="has no certificate here"):
        renew(store, Kind.CLIENT, "hmi-1", Order(), NOW)


def test_who_was_revoked_cannot_renew_but_may_be_issued_anew(
    store: Store, hmi: Entry, client_of: Callable[..., Terms]
) -> None:
    revoke(store, [hmi], Reason.KEY_COMPROMISE, NOW)

    with pytest.raises(PkiInputError, match="is revoked: if it shall have one again"):
        renew(store, Kind.CLIENT, "hmi-1", Order(), NOW)
    assert issue(store, client_of("hmi-1", "Engineer"), Order(), NOW).is_valid(NOW)


def test_nothing_is_issued_that_its_ca_would_not_outlast(
    store: Store, client_of: Callable[..., Terms]
) -> None:
    with pytest.raises(PkiInputError, match="longer than the issuing CA"):
        issue(store, client_of("hmi-1"), Order(days=1826), NOW)
    with pytest.raises(PkiInputError, match="longer than the issuing CA"):
        issue(store, client_of("hmi-1"), Order(), NOW + 1500 * DAY)


def test_an_expired_or_future_issuing_ca_issues_nothing(
    store: Store, client_of: Callable[..., Terms]
) -> None:
    with pytest.raises(PkiInputError, match="the issuing CA: expired on"):
        issue(store, client_of("hmi-1"), Order(days=1), NOW + 1825 * DAY)
    with pytest.raises(PkiInputError, match="set the clock"):
        issue(store, client_of("hmi-1"), Order(days=1), NOW - DAY)


def test_a_revoked_issuing_ca_issues_nothing_until_the_next_is_made(
    store: Store, client_of: Callable[..., Terms]
) -> None:
    root = load_root(store, None, no_passphrase, NOW)
    entries = entries_to_revoke(store, Kind.ISSUING, "issuing", NOW)
    revoke_issuing(store, entries, Reason.CA_COMPROMISE, root, NOW)

    with pytest.raises(PkiInputError, match="the issuing CA is revoked"):
        issue(store, client_of("hmi-1"), Order(), NOW)
    renew_issuing(store, root, Order(), NOW)
    assert issue(store, client_of("hmi-1"), Order(), NOW).is_valid(NOW)


def test_an_issuing_ca_whose_key_others_may_read_issues_nothing(
    store: Store, client_of: Callable[..., Terms]
) -> None:
    (store.issuing().folder(1) / "key.pem").chmod(0o644)

    with pytest.raises(PkiInputError, match="is open to others"):
        issue(store, client_of("hmi-1"), Order(), NOW)


def test_a_request_that_its_own_key_did_not_sign_is_refused(
    store: Store, tmp_path: Path, client_of: Callable[..., Terms]
) -> None:
    request, _ = write_request(tmp_path / "hmi.csr", alter=True)

    with pytest.raises(PkiInputError, match="is not signed with its own key"):
        issue(store, client_of("hmi-1"), Order(request=request), NOW)


def test_words_in_place_of_a_request_are_refused(
    store: Store, tmp_path: Path, client_of: Callable[..., Terms]
) -> None:
    (tmp_path / "hmi.csr").write_text("words")

    with pytest.raises(PkiInputError, match="holds no signing request that can be read"):
        issue(store, client_of("hmi-1"), Order(request=tmp_path / "hmi.csr"), NOW)


def test_of_a_request_only_the_key_is_taken(
    store: Store, tmp_path: Path, client_of: Callable[..., Terms]
) -> None:
    request, key = write_request(tmp_path / "hmi.csr")
    entry = issue(store, client_of("hmi-1"), Order(request=request), NOW)

    assert key.public_key() == entry.certificate.public_key()
    assert entry.certificate.subject.rfc4514_string() == "CN=hmi-1,O=Northside"
    assert not entry.has_key
    with pytest.raises(PkiInputError, match="holds its key itself: have it make a new signing request"):
        renew(store, Kind.CLIENT, "hmi-1", Order(), NOW)
    next_request, next_key = write_request(tmp_path / "next.csr")
    renewed = renew(store, Kind.CLIENT, "hmi-1", Order(request=next_request), NOW)
    assert next_key.public_key() == renewed.certificate.public_key()


def test_a_client_certificate_says_what_the_standard_asks(hmi: Entry) -> None:
    found = hmi.certificate
    extensions = found.extensions
    usage = extensions.get_extension_for_class(x509.KeyUsage)

    assert read_role(found).role == "Operator"
    assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.CLIENT_AUTH
    ]
    assert usage.critical
    assert usage.value.digital_signature
    assert not usage.value.key_encipherment
    assert isinstance(found.public_key(), ec.EllipticCurvePublicKey)
    assert x509.Version.v3 == found.version
    assert {found.not_valid_before_utc, found.not_valid_after_utc} == {
        NOW - timedelta(hours=1),
        NOW + 400 * DAY,
    }


def test_a_server_certificate_names_its_addresses_and_no_role(store: Store) -> None:
    entry = issue(store, server("10.10.0.2", "fd00::2", "Gate-1.Plant.example", "10.10.0.2"), Order(), NOW)
    names = entry.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    assert [str(found.value) for found in names] == ["10.10.0.2", "fd00::2", "gate-1.plant.example"]
    assert read_role(entry.certificate).role is None


def test_a_place_for_the_crl_stands_in_the_certificate_and_in_the_next(store: Store) -> None:
    url = parse_crl_url("http://10.20.0.9/crls/")
    terms = Terms(Kind.SERVER, "gate-1", parse_addresses(["10.10.0.2"]), crl_url=url)
    entries = [issue(store, terms, Order(), NOW), renew(store, Kind.SERVER, "gate-1", Order(), NOW)]
    renew_issuing(store, load_root(store, None, no_passphrase, NOW), Order(), NOW)
    entries.append(renew(store, Kind.SERVER, "gate-1", Order(), NOW))

    assert [place_of_crl(entry) for entry in entries] == [
        "http://10.20.0.9/crls/issuing-1.crl",
        "http://10.20.0.9/crls/issuing-1.crl",
        "http://10.20.0.9/crls/issuing-2.crl",
    ]
    for file, ca in (("issuing-1.crl", 1), ("issuing-2.crl", 2)):
        crl = x509.load_der_x509_crl((store.crls / file).read_bytes())
        assert crl.issuer == kept_certificates(store.issuing().folder(ca) / "certificate.pem")[0].subject


def place_of_crl(entry: Entry) -> str:
    points = entry.certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    return str((points[0].full_name or [])[0].value)


def test_the_chain_goes_down_to_the_root(store: Store, gate: Entry) -> None:
    chain = kept_certificates(gate.path.parent / "chain.pem")
    issuing = kept_certificates(store.issuing().folder(1) / "certificate.pem")[0]

    assert [gate.certificate, issuing, store.root()] == chain


def test_a_renewal_says_the_same_with_a_new_key_and_serial_number(store: Store, gate: Entry) -> None:
    renewed = renew(store, Kind.SERVER, "gate-1", Order(days=30), NOW + DAY)
    old, new = gate.certificate, renewed.certificate
    same = x509.SubjectAlternativeName

    assert old.subject == new.subject
    assert old.extensions.get_extension_for_class(same) == new.extensions.get_extension_for_class(same)
    assert old.serial_number != new.serial_number
    assert old.public_key() != new.public_key()
    assert new.not_valid_after_utc == NOW + 31 * DAY
    assert (gate.path.parent.parent / "current").readlink().name == "2"
    assert gate.path.is_file()


def test_keys_are_of_the_issuing_cas_kind_unless_another_is_asked_for(tmp_path: Path) -> None:
    store = create_pki(tmp_path / "pki", Plan("Northside", KeyAlgorithm.RSA_3072), NOW)
    entry = issue(store, server("10.10.0.2"), Order(), NOW)
    key = entry.certificate.public_key()
    other = renew(store, Kind.SERVER, "gate-1", Order(algorithm=KeyAlgorithm.ECDSA_P256), NOW)

    assert isinstance(key, rsa.RSAPublicKey)
    assert key.key_size == 3072
    # an RSA key exchange enciphers with it.
    assert entry.certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_encipherment
    assert isinstance(other.certificate.public_key(), ec.EllipticCurvePublicKey)


def test_serial_numbers_are_random_and_fit_the_standard(
    store: Store, client_of: Callable[..., Terms]
) -> None:
    serials = [
        issue(store, client_of(f"hmi-{number}"), Order(), NOW).certificate.serial_number
        for number in range(20)
    ]

    assert len(set(serials)) == 20
    assert min(serials) > 0
    assert 140 < max(serial.bit_length() for serial in serials) <= 159


def test_a_new_issuing_ca_has_a_name_of_its_own_and_leaves_what_was_signed_valid(
    store: Store, hmi: Entry, client_of: Callable[..., Terms]
) -> None:
    root = load_root(store, None, no_passphrase, NOW)
    issuing = renew_issuing(store, root, Order(days=1000), NOW)
    later = issue(store, client_of("hmi-2"), Order(), NOW)
    inventory = read_inventory(store)

    assert issuing.certificate.subject.rfc4514_string() == "CN=Northside issuing CA 2,O=Northside"
    assert later.issuer == issuing
    assert inventory.named(Kind.CLIENT, "hmi-1")[0].is_valid(NOW)
    assert hmi.issuer != issuing


def test_an_issuing_ca_that_would_outlast_the_root_is_not_made(store: Store) -> None:
    root = load_root(store, None, no_passphrase, NOW)

    with pytest.raises(PkiInputError, match="longer than the root"):
        renew_issuing(store, root, Order(days=7301), NOW)
    assert store.issuing().generations() == [1]
