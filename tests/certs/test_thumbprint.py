"""The two thumbprints against values that the openssl command line computed, and the parsers."""

import base64
import string

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from certs.thumbprint import (
    certificate_thumbprint,
    normalise_certificate_thumbprint,
    parse_public_key_thumbprint,
    public_key_thumbprint,
)

VECTOR = x509.load_pem_x509_certificate(
    b"""\
-----BEGIN CERTIFICATE-----
MIICCTCCAbGgAwIBAgIUc+jbG8bUMa5/C2YHySnLI0UHFLAwCgYIKoZIzj0EAwIw
WjEdMBsGA1UEBRMUMDAwMDAwMDE4MjMyODg0NDQwMDAxGzAZBgNVBAoMEkdlbWVl
bnRlIFZvb3JiZWVsZDEcMBoGA1UEAwwTdmVjdG9yLmV4YW1wbGUudGVzdDAgFw0y
NjExMjMxNjQ1MDFaGA8yMTI2MTAzMDE2NDUwMVowWjEdMBsGA1UEBRMUMDAwMDAw
MDE4MjMyODg0NDQwMDAxGzAZBgNVBAoMEkdlbWVlbnRlIFZvb3JiZWVsZDEcMBoG
A1UEAwwTdmVjdG9yLmV4YW1wbGUudGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABPAsuMxlg76evReMyxJ0KIcL+t5tO9lt1cFq+q7rZpO6qnuTU4X9pNbtvufi
m7xDQ5lNUcuulCaDSXF9hZfhJPKjUzBRMB0GA1UdDgQWBBRVJArZWpfPlieeRzZu
+u0Bqrx+ZzAfBgNVHSMEGDAWgBRVJArZWpfPlieeRzZu+u0Bqrx+ZzAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0YAMEMCIFt8/4E7F2EDZZDvIBbqgc5gyvd7
jscmpc7g44T9ihZgAh9oQfQEot6fOgIzhWTGQp27vilAbbGvJwJBNrUhKpuX
-----END CERTIFICATE-----"""
)
# openssl x509 -pubkey -noout | openssl pkey -pubin -outform DER | sha256sum
PUBLIC_KEY = "0cab562886550f9dae01e4834147c7eefe9097681f4801179a8d38c081c8102b"
# openssl x509 -outform DER | openssl dgst -sha256 -binary | base64
CERTIFICATE_STANDARD = "twf4BT8LTsnbhfyaEw2pZli2MRtPh/1QRR3uCzPpSDk="
CERTIFICATE = "twf4BT8LTsnbhfyaEw2pZli2MRtPh_1QRR3uCzPpSDk"


@pytest.mark.parametrize(
    "text",
    [
        "",
        PUBLIC_KEY.upper(),
        PUBLIC_KEY[:-1],
        PUBLIC_KEY + "0",
        PUBLIC_KEY[:-1] + "g",
        " " + PUBLIC_KEY[1:],
        PUBLIC_KEY + "\n",
    ],
)
def test_anything_but_64_lower_case_digits_is_no_public_key_thumbprint(text: str) -> None:
    with pytest.raises(ValueError, match="64 lower-case"):
        parse_public_key_thumbprint(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        CERTIFICATE[:-1],
        CERTIFICATE + "==",
        CERTIFICATE + "A",
        CERTIFICATE[:-1] + "l",
        CERTIFICATE[:-1] + "é",
        "$" * 43,
    ],
)
def test_anything_but_base64_of_32_bytes_is_no_certificate_thumbprint(text: str) -> None:
    with pytest.raises(ValueError, match="certificate thumbprint"):
        normalise_certificate_thumbprint(text)


def test_thumbprints_are_those_that_openssl_computes() -> None:
    assert certificate_thumbprint(VECTOR) == CERTIFICATE
    assert public_key_thumbprint(VECTOR) == PUBLIC_KEY
    assert public_key_thumbprint(VECTOR.public_key()) == PUBLIC_KEY
    assert parse_public_key_thumbprint(PUBLIC_KEY) == PUBLIC_KEY


@pytest.mark.parametrize("spelling", [CERTIFICATE, CERTIFICATE + "=", CERTIFICATE_STANDARD, CERTIFICATE_STANDARD[:-1]])
def test_every_spelling_in_use_becomes_ours(spelling: str) -> None:
    assert normalise_certificate_thumbprint(spelling) == CERTIFICATE


@given(st.binary(min_size=32, max_size=32))
@settings(max_examples=100)
def test_all_spellings_of_one_digest_are_one_thumbprint(digest: bytes) -> None:
    padded = base64.b64encode(digest).decode()
    web = base64.urlsafe_b64encode(digest).decode()
    assert {normalise_certificate_thumbprint(text) for text in (padded, padded[:-1], web, web[:-1])} == {web[:-1]}


@given(st.text(string.ascii_letters + string.digits + "+/-_=", min_size=42, max_size=45))
@settings(max_examples=200)
def test_what_is_accepted_has_one_spelling(text: str) -> None:
    try:
        thumbprint = normalise_certificate_thumbprint(text)
    except ValueError:
        return
    assert normalise_certificate_thumbprint(thumbprint) == thumbprint
    assert base64.urlsafe_b64encode(base64.urlsafe_b64decode(thumbprint + "=")).decode().rstrip("=") == thumbprint
