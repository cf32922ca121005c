"""Certificates made by openssl: an authority, a server on this machine, one elsewhere, a client."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.support.peers import need, run


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """PEM files. `server` is for 127.0.0.1 and localhost, `elsewhere` for another host."""

    authority: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path
    elsewhere: Path
    elsewhere_key: Path


def make_certificates(folder: Path) -> Certificates:
    """Make them in a folder, valid for a day."""
    need("openssl")
    folder.mkdir(parents=True, exist_ok=True)
    authority, authority_key = folder / "ca.pem", folder / "ca.key"
    _openssl(
        "req", "-x509", *_NEW_KEY, "-keyout", str(authority_key), "-out", str(authority), *_name("authority")
    )
    here = "subjectAltName=IP:127.0.0.1,DNS:localhost"
    for name, extension in (
        ("server", here),
        ("client", "extendedKeyUsage=clientAuth"),
        ("elsewhere", "subjectAltName=DNS:elsewhere.invalid"),
    ):
        request, key, settings = folder / f"{name}.csr", folder / f"{name}.key", folder / f"{name}.ext"
        settings.write_text(f"{extension}\n")
        _openssl("req", *_NEW_KEY, "-keyout", str(key), "-out", str(request), *_name(name))
        _openssl(
            "x509", "-req", "-in", str(request), "-CA", str(authority), "-CAkey", str(authority_key),
            "-CAcreateserial", "-days", "1", "-extfile", str(settings), "-out", str(folder / f"{name}.pem"),
        )  # fmt: skip
    return Certificates(
        authority=authority,
        server=folder / "server.pem",
        server_key=folder / "server.key",
        client=folder / "client.pem",
        client_key=folder / "client.key",
        elsewhere=folder / "elsewhere.pem",
        elsewhere_key=folder / "elsewhere.key",
    )


_NEW_KEY = ("-newkey", "rsa:2048", "-nodes", "-sha256")


def _name(name: str) -> tuple[str, ...]:
    return ("-subj", f"/CN=mediakit test {name}")


def _openssl(*arguments: str) -> None:
    done = run("openssl", *arguments)
    assert done.returncode == 0, done.stderr
