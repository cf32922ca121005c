"""How to speak to a destination, beside its address. Values; of secrets only the place."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mediakit.destinations.login import Login
from mediakit.destinations.peer import DEFAULT_CALLING_AE, DEFAULT_WINDOW, Timeouts, Tls
from mediakit.errors import UsageError

#: A key of the configuration and what it is set to.
Setting = tuple[str, str | int | float | bool]


class _MayHaveTls(Protocol):
    @property
    def is_tls(self) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a configuration or the command line says of a destination.

    `tls` None means: nothing said (an address with TLS then trusts the certificates of the system).
    `token_file` holds a bearer token, `token_variable` names the environment variable that does,
    `header_file` holds lines "Name: value": all for DICOMweb. `commit_port` is our own port to listen on for
    the reports of Storage Commitment, `commit_host` the address it is bound to (PS3.4 J). `login` is who
    we are on the DICOM network, `window` how many operations may be under way there, `extends` whether SOP
    Classes are negotiated by more than their contexts. `most_associations`: an import has no more at once,
    connections where it is DICOMweb. `requires_local_id`: nothing goes there under
    a Patient ID that no map and no match says is local.
    """

    calling_ae: str = DEFAULT_CALLING_AE
    tls: Tls | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)
    token_file: Path | None = None
    token_variable: str = ""
    header_file: Path | None = None
    commit_port: int | None = None
    commit_host: str = ""
    login: Login | None = None
    window: int = DEFAULT_WINDOW
    extends: bool = True
    most_associations: int | None = None
    requires_local_id: bool = False

    def check_only(self, fitting: Collection[str], where: str, hint: str) -> None:
        """Raise UsageError when an option is set that is not among those that fit a destination.

        They are named "token-file", "token-variable", "header-file", "calling-ae", "commit-port",
        "commit-host", "ca-file" (all of TLS), "timeouts", "identity", "window", "extended-negotiation" and
        "max-associations".
        """
        for name, is_set in self._set().items():
            if is_set and name not in fitting:
                raise UsageError(f"`{name}` does not apply to this destination", where=where, hint=hint)

    def check_tls(self, address: _MayHaveTls) -> None:
        """Raise UsageError for TLS settings where there is no TLS."""
        if self.tls is not None and not address.is_tls:
            hint = "write dicom+tls://AET@host:port or dicomweb+https://... for TLS"
            raise UsageError("TLS settings for a destination without TLS", where=str(address), hint=hint)

    def settings(self) -> Iterator[Setting]:
        """Yield what is set, but for the calling AE title, by the keys of the configuration."""
        if self.tls is not None:
            yield from _of_tls(self.tls)
        yield from _of_timeouts(self.timeouts)
        texts = {
            "token-file": self.token_file,
            "token-variable": self.token_variable,
            "header-file": self.header_file,
        }
        yield from ((key, str(value)) for key, value in texts.items() if value)
        if self.commit_port is not None:
            yield "commit-port", self.commit_port
        if self.commit_host:
            yield "commit-host", self.commit_host
        if self.login is not None:
            yield from self.login.settings()
        if self.window != DEFAULT_WINDOW:
            yield "window", self.window
        if not self.extends:
            yield "extended-negotiation", False
        if self.most_associations is not None:
            yield "max-associations", self.most_associations
        if self.requires_local_id:
            yield "require-local-id", True

    def _set(self) -> Mapping[str, bool]:
        return {
            "token-file": self.token_file is not None,
            "token-variable": bool(self.token_variable),
            "header-file": self.header_file is not None,
            "calling-ae": self.calling_ae != DEFAULT_CALLING_AE,
            "commit-port": self.commit_port is not None,
            "commit-host": bool(self.commit_host),
            "ca-file": self.tls is not None,
            "timeouts": self.timeouts != Timeouts(),
            "identity": self.login is not None,
            "window": self.window != DEFAULT_WINDOW,
            "extended-negotiation": not self.extends,
            "max-associations": self.most_associations is not None,
        }


def _of_tls(tls: Tls) -> Iterator[Setting]:
    for key, path in (("ca-file", tls.ca_file), ("certificate", tls.certificate), ("key", tls.key)):
        if path is not None:
            yield key, str(path)
    if not tls.check_host_name:
        yield "check-host-name", False


def _of_timeouts(given: Timeouts) -> Iterator[Setting]:
    usual = Timeouts()
    for key, value, default in (
        ("connect-timeout", given.connect_s, usual.connect_s),
        ("association-timeout", given.association_s, usual.association_s),
        ("answer-timeout", given.answer_s, usual.answer_s),
        ("proof-timeout", given.proof_s, usual.proof_s),
    ):
        if value != default:
            yield key, value
