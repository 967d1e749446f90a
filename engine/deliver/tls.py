"""A certificate for serving beyond this machine: the user's own files, or one made here."""

import datetime as dt
import ipaddress
import os
import socket
import ssl
from pathlib import Path

import psutil
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ..errors import ConfigError, DeliveryError

_DAYS = 397  # the longest life that browsers take
_RENEW = 14  # days before the end


def context(tls: tuple[str, ...], host: str) -> ssl.SSLContext | None:
    """What to serve with: none for (), our own certificate for ("auto",), else (CERT, KEY)."""
    if not tls:
        return None
    if tls == ("auto",):
        return _own_context(state_folder(), names_of(host))
    if len(tls) != 2:
        raise ConfigError("--tls takes the word auto, or two files: CERT KEY")
    cert, key = Path(tls[0]), Path(tls[1])
    try:
        return _loaded(cert, key)
    except OSError as e:  # which SSLError is too
        raise DeliveryError(f"--tls: {cert} and {key} are no certificate and its key: {e}") from e


def _own_context(folder: Path, names: list[str]) -> ssl.SSLContext:
    try:
        try:
            return _loaded(*self_signed(folder, names))
        except ssl.SSLError:  # the two are no pair: one was lost or altered
            (folder / "cert.pem").unlink()
            return _loaded(*self_signed(folder, names))
    except OSError as e:
        raise DeliveryError(f"cannot keep a certificate in {folder}: {e}") from e


def _loaded(cert: Path, key: Path) -> ssl.SSLContext:
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(cert, key)
    return made


def state_folder() -> Path:
    """Where this user's certificate and link token are kept, for this user's eyes only."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    folder = Path(base) / "likeness"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as e:
        raise DeliveryError(f"cannot keep a certificate in {folder}: {e.strerror}") from e
    return folder


def write_private(file: Path, content: bytes) -> None:
    """Writes a file that nobody else could read at any moment, whole or not at all."""
    draft = file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as f:
        f.write(content)
    draft.replace(file)


def names_of(host: str) -> list[str]:
    """Every name and address by which a browser may reach a server on `host`."""
    if host not in ("0.0.0.0", "::", ""):
        own = [host]
    else:
        found = [a.address.split("%")[0] for each in psutil.net_if_addrs().values() for a in each
                 if a.family in (socket.AF_INET, socket.AF_INET6)]  # fmt: skip
        own = [socket.gethostname(), f"{socket.gethostname()}.local", *found]
    # A certificate holds ASCII alone, and browsers ask by no other name.
    return sorted({"localhost", "127.0.0.1", "::1", *(n for n in own if n.isascii())})


def self_signed(folder: Path, names: list[str]) -> tuple[Path, Path]:
    """(certificate, key), made at first and again when it runs out or a name is missing."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    if not (cert.is_file() and key.is_file() and _serves(cert, names)):
        secret = ec.generate_private_key(ec.SECP256R1())
        pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
        pkcs8 = serialization.PrivateFormat.PKCS8
        write_private(key, secret.private_bytes(pem, pkcs8, plain))
        write_private(cert, _certificate(secret, names).public_bytes(pem))
    return cert, key


def _serves(file: Path, names: list[str]) -> bool:
    try:
        cert = x509.load_pem_x509_certificate(file.read_bytes())
        alt = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return False
    has = {str(general.value) for general in alt}
    lasts = cert.not_valid_after_utc - dt.datetime.now(dt.UTC) > dt.timedelta(days=_RENEW)
    return lasts and set(names) <= has


def _certificate(secret: ec.EllipticCurvePrivateKey, names: list[str]) -> x509.Certificate:
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Likeness on this network")])
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName([_general(n) for n in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(secret, hashes.SHA256())
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
