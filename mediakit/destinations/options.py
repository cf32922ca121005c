"""How to speak to a destination, beside its address. Values; of secrets only the place."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mediakit.destinations.address import Address
from mediakit.destinations.peer import DEFAULT_CALLING_AE, Timeouts, Tls


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a configuration or the command line says of a destination.

    `tls` None means: nothing said (an address with TLS then trusts the certificates of the system).
    `token_file` holds a bearer token, `token_variable` names the environment variable that does,
    `header_file` holds lines "Name: value": all for DICOMweb. `commit_port` is our own port to listen on for
    the reports of Storage Commitment, `commit_host` the address it is bound to (PS3.4 J).
    """

    calling_ae: str = DEFAULT_CALLING_AE
    tls: Tls | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)
    token_file: Path | None = None
    token_variable: str = ""
    header_file: Path | None = None
    commit_port: int | None = None
    commit_host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A destination as a configuration holds it. `name` is "" for an address given as such.

    `origin` is the file that it stands in, or "".
    """

    name: str
    address: Address
    options: Options
    origin: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.address})" if self.name else str(self.address)
