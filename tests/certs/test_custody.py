"""Our own files: every way an operator can get them wrong, then what is read and made."""

import base64
import os
import pickle
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from certs.authority import DevelopmentAuthority
from certs.custody import (
    KeyPair,
    PrivateKey,
    key_pem,
    load_certificates,
    load_crl_file,
    load_key_pair,
    load_or_create_master_key,
    load_private_key,
    load_trust_file,
    loose_permissions,
    newest_valid,
    valid_pairs,
    write_new_file,
)
from certs.errors import CustodyError
from certs.issuing import DAY_S
from certs.thumbprint import certificate_thumbprint, public_key_thumbprint
from tests.certs.material import peer_subject, self_signed


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.fixture
def cert_file(tmp_path: Path, provider: KeyPair) -> Path:
    return write(tmp_path / "peer.pem", provider.pem_chain())


@pytest.fixture
def key_file(tmp_path: Path, provider: KeyPair) -> Path:
    return write(tmp_path / "peer.key", key_pem(provider.private_key))


class TestRefusals:
    def test_missing_files_are_named(self, tmp_path: Path, cert_file: Path, key_file: Path) -> None:
        with pytest.raises(CustodyError, match=r"none\.pem: does not exist"):
            load_key_pair(tmp_path / "none.pem", key_file)
        with pytest.raises(CustodyError, match=r"none\.key: does not exist"):
            load_key_pair(cert_file, tmp_path / "none.key")

    def test_a_directory_cannot_be_read(self, tmp_path: Path, key_file: Path) -> None:
        with pytest.raises(CustodyError, match="cannot be read"):
            load_key_pair(tmp_path, key_file)

    @pytest.mark.parametrize(
        "data", [b"", b"junk", b"\xff\xfe", b"-----BEGIN CERTIFICATE-----\nMAAw\n-----END CERTIFICATE-----\n"]
    )
    def test_no_certificate(self, tmp_path: Path, key_file: Path, data: bytes) -> None:
        with pytest.raises(CustodyError, match=r"bad\.pem: .*BEGIN CERTIFICATE"):
            load_key_pair(write(tmp_path / "bad.pem", data), key_file)

    @pytest.mark.parametrize("data", [b"", b"junk", b"-----BEGIN PRIVATE KEY-----\nMAAw\n-----END PRIVATE KEY-----\n"])
    def test_no_private_key(self, tmp_path: Path, cert_file: Path, data: bytes) -> None:
        with pytest.raises(CustodyError, match=r"bad\.key: .*BEGIN PRIVATE KEY"):
            load_key_pair(cert_file, write(tmp_path / "bad.key", data))

    def test_swapped_files(self, cert_file: Path, key_file: Path) -> None:
        with pytest.raises(CustodyError, match=r"peer\.key: .*BEGIN CERTIFICATE"):
            load_key_pair(key_file, cert_file)

    def test_an_encrypted_key(self, tmp_path: Path, cert_file: Path, provider: KeyPair) -> None:
        pem = provider.private_key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"correct horse")
        )
        with pytest.raises(CustodyError, match="encrypted: store it unencrypted"):
            load_key_pair(cert_file, write(tmp_path / "locked.key", pem))

    @pytest.mark.parametrize(
        "key",
        [
            rsa.generate_private_key(65537, 1024),
            ec.generate_private_key(ec.SECP256K1()),
            ec.generate_private_key(ec.SECP224R1()),
        ],
    )
    def test_keys_that_cannot_sign_for_fsc(self, tmp_path: Path, key: PrivateKey) -> None:
        with pytest.raises(CustodyError, match="P-256, P-384 or P-521"):
            load_private_key(write(tmp_path / "odd.key", key_pem(key)))

    def test_edwards_keys_cannot_sign_for_fsc(self, tmp_path: Path) -> None:
        key = ed25519.Ed25519PrivateKey.generate()
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        with pytest.raises(CustodyError, match="P-256, P-384 or P-521"):
            load_private_key(write(tmp_path / "odd.key", pem))

    def test_another_certificates_key(self, tmp_path: Path, cert_file: Path, consumer: KeyPair) -> None:
        other = write(tmp_path / "other.key", key_pem(consumer.private_key))
        with pytest.raises(CustodyError, match=r"other\.key: is not the private key of .*peer\.pem: pair"):
            load_key_pair(cert_file, other)

    def test_certificates_outside_the_chain(
        self, tmp_path: Path, key_file: Path, provider: KeyPair, consumer: KeyPair
    ) -> None:
        bundle = write(tmp_path / "both.pem", provider.pem_chain() + consumer.pem_chain())
        with pytest.raises(CustodyError, match=r"outside the chain of Gemeente Elders.*: remove Gemeente Voorbeeld"):
            load_key_pair(bundle, key_file)

    def test_two_certificates_of_one_key(
        self, tmp_path: Path, key_file: Path, provider: KeyPair, authority: DevelopmentAuthority
    ) -> None:
        renewed = authority.issue(peer_id="123", name="Peer", dns_names=["p.test"], private_key=provider.private_key)
        bundle = write(tmp_path / "both.pem", provider.pem_chain() + renewed.pem_chain())
        with pytest.raises(CustodyError, match="2 certificates of the same key"):
            load_key_pair(bundle, key_file)


class TestKeyPair:
    def test_it_holds_what_the_files_hold(self, cert_file: Path, key_file: Path, provider: KeyPair) -> None:
        pair = load_key_pair(cert_file, key_file)
        assert pair == provider
        assert pair.thumbprint == certificate_thumbprint(provider.certificate)
        assert pair.public_key_thumbprint == public_key_thumbprint(provider.private_key.public_key())
        assert pair.not_after - pair.not_before == 365 * DAY_S + 300
        assert load_certificates(cert_file) == pair.chain

    @pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0), (0, 1, 1), (1, 0, 0)])
    def test_order_is_repaired_and_the_root_left_out(
        self, tmp_path: Path, key_file: Path, provider: KeyPair, authority: DevelopmentAuthority, order: tuple[int, ...]
    ) -> None:
        certificates = (*provider.chain, authority.root.certificate)
        bundle = b"".join(certificates[index].public_bytes(Encoding.PEM) for index in order)
        assert load_key_pair(write(tmp_path / "mixed.pem", bundle), key_file).chain == provider.chain

    def test_a_self_signed_certificate_is_a_chain_of_one(self, tmp_path: Path) -> None:
        pair = self_signed(peer_subject())
        cert = write(tmp_path / "self.pem", pair.pem_chain())
        key = write(tmp_path / "self.key", key_pem(pair.private_key))
        assert load_key_pair(cert, key).chain == pair.chain

    @pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
    def test_every_curve_of_fsc_is_read(self, tmp_path: Path, curve: ec.EllipticCurve) -> None:
        key = ec.generate_private_key(curve)
        read = load_private_key(write(tmp_path / "ec.key", key_pem(key)))
        assert public_key_thumbprint(read.public_key()) == public_key_thumbprint(key.public_key())

    def test_the_traditional_format_is_read_too(self, tmp_path: Path, provider: KeyPair) -> None:
        pem = provider.private_key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        read = load_private_key(write(tmp_path / "old.key", pem))
        assert public_key_thumbprint(read.public_key()) == provider.public_key_thumbprint

    def test_nothing_it_prints_holds_the_key(self, provider: KeyPair) -> None:
        shown = f"{provider!r} {provider} {provider.pem_chain().decode()}"
        assert "Gemeente Elders" in shown
        assert provider.thumbprint in shown
        secret = key_pem(provider.private_key).decode().splitlines()[1]
        assert secret not in shown
        assert "PRIVATE" not in shown
        with pytest.raises(TypeError):
            pickle.dumps(provider)


class TestNewestValid:
    def test_none_of_none(self, now: int) -> None:
        assert newest_valid([], now) is None
        assert valid_pairs([], now) == ()

    def test_of_those_valid_now_the_one_that_began_last(self, authority: DevelopmentAuthority, now: int) -> None:
        def issued(not_before: int, days: int) -> KeyPair:
            return authority.issue(peer_id="123", name="Peer", dns_names=["p.test"], not_before=not_before, days=days)

        expired = issued(now - 10 * DAY_S, 5)
        old = issued(now - 9 * DAY_S, 300)
        new = issued(now - 1 * DAY_S, 30)
        longer = issued(now - 1 * DAY_S, 60)
        future = issued(now + 1 * DAY_S, 30)
        assert newest_valid([expired, future], now) is None
        assert newest_valid([expired, old, future], now) == old
        assert newest_valid([new, expired, old, future], now) == new
        assert valid_pairs([old, expired, new, future], now) == (new, old)
        assert newest_valid([new, longer, old], now) == longer
        assert newest_valid([new, future], future.not_before) == future
        assert newest_valid([new], new.not_after) == new
        assert newest_valid([new], new.not_after + 1) is None


class TestTrustFiles:
    def test_anchors_are_checked_where_they_are_read(
        self, tmp_path: Path, authority: DevelopmentAuthority, provider: KeyPair
    ) -> None:
        good = write(tmp_path / "root.pem", authority.anchors_pem())
        assert load_trust_file(good) == authority.anchors_pem()
        with pytest.raises(CustodyError, match=r"leaf\.pem: .*no CA"):
            load_trust_file(write(tmp_path / "leaf.pem", provider.pem_chain()))
        with pytest.raises(CustodyError, match=r"none\.pem: does not exist"):
            load_trust_file(tmp_path / "none.pem")

    def test_crls_are_checked_where_they_are_read(self, tmp_path: Path, authority: DevelopmentAuthority) -> None:
        pem = authority.crl_pem()
        assert load_crl_file(write(tmp_path / "ca.crl", pem)) == pem
        with pytest.raises(CustodyError, match=r"bad\.crl: is not a readable CRL"):
            load_crl_file(write(tmp_path / "bad.crl", b"junk"))


class TestPermissions:
    @pytest.mark.parametrize(("mode", "loose"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True)])
    def test_others_than_the_owner_are_a_warning(self, key_file: Path, mode: int, loose: bool) -> None:
        key_file.chmod(mode)
        warning = loose_permissions(key_file)
        assert (warning is not None) is loose
        if warning is not None:
            assert warning.startswith(f"{key_file}: mode {mode:04o}")
            assert warning.endswith(f"chmod 600 {key_file}")

    def test_an_absent_file_is_somebody_elses_error(self, tmp_path: Path) -> None:
        assert loose_permissions(tmp_path / "none") is None


class TestMasterKey:
    @pytest.mark.parametrize(
        "data", [b"", b"\n", b"junk", base64.b64encode(bytes(31)), base64.b64encode(bytes(33)), b"\xff" * 32]
    )
    def test_anything_else_is_refused_and_kept(self, tmp_path: Path, data: bytes) -> None:
        path = write(tmp_path / "master.key", data)
        with pytest.raises(CustodyError, match=r"master\.key: is not a master key .*restore it from backup"):
            load_or_create_master_key(path)
        assert path.read_bytes() == data

    def test_it_is_made_once_with_its_directory(self, tmp_path: Path) -> None:
        path = tmp_path / "data" / "keys" / "master.key"
        key = load_or_create_master_key(path)
        assert len(key) == 32
        assert load_or_create_master_key(path) == key
        assert base64.b64decode(path.read_text().strip()) == key
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert os.listdir(path.parent) == ["master.key"]
        assert load_or_create_master_key(tmp_path / "other.key") != key

    def test_processes_that_start_at_once_agree(self, tmp_path: Path) -> None:
        path = tmp_path / "master.key"
        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(load_or_create_master_key, [path] * 16))) == 1
        assert os.listdir(tmp_path) == ["master.key"]

    def test_a_place_that_cannot_be_written_is_named(self, tmp_path: Path) -> None:
        blocker = write(tmp_path / "file", b"")
        with pytest.raises(CustodyError, match=r"file/master\.key: cannot be"):
            load_or_create_master_key(blocker / "master.key")


class TestWriteNewFile:
    def test_an_existing_file_stays(self, tmp_path: Path) -> None:
        path = write(tmp_path / "precious", b"old")
        with pytest.raises(CustodyError, match="not overwritten"):
            write_new_file(path, b"new")
        assert path.read_bytes() == b"old"

    def test_the_mode_does_not_depend_on_the_umask(self, tmp_path: Path) -> None:
        before = os.umask(0o777)
        try:
            write_new_file(tmp_path / "public", b"x")
            write_new_file(tmp_path / "secret", b"x", mode=0o600)
        finally:
            os.umask(before)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        assert modes == {"public": 0o644, "secret": 0o600}
