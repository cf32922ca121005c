"""From DEST on the command line to the target of an import."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mediakit.cli.login import as_user
from mediakit.errors import UsageError
from mediakit.transfer.proof import Verify

if TYPE_CHECKING:  # destinations are loaded when a command speaks to one
    from mediakit.destinations.login import Login
    from mediakit.destinations.peer import Peer
    from mediakit.stages.import_order import ImportOrder, Matching
    from mediakit.stages.plan.import_target import Target
    from mediakit.transfer.matching import Match


def peer_named(dest: str, config: Path | None, login: Login | None = None) -> Peer:
    """Return the remote SCP that is meant by DEST. Raises UsageError for any other destination."""
    from mediakit.cli.named import destination_named
    from mediakit.destinations.dicom_address import peer_of

    named = as_user(destination_named(dest, config), login)
    return peer_of(named.address, named.options)


def show_target(
    dest: str, config: Path | None, verify: Verify = Verify.NONE, commit_port: int | None = None
) -> None:
    """Print on standard error which file a named destination comes from, and what it may be unable to prove.

    Raises UsageError.
    """
    from mediakit.cli.named import destination_named

    named = destination_named(dest, config)
    if named.origin:
        print(f"destination: {named}, from {named.origin}", file=sys.stderr)
    if verify is Verify.COMMIT and commit_port is None and named.options.commit_port is None:
        print(
            "storage commitment: no port for reports is given, so only reports on the association of the "
            "request are received\n"
            "hint: most destinations report on an association of their own: give a port with `--commit-port`",
            file=sys.stderr,
        )


def target_of(
    dest: str,
    config: Path | None,
    verify: Verify,
    *,
    ask_first: bool = False,
    commit_port: int | None = None,
    login: Login | None = None,
) -> Target:
    """Return where an import goes, and how it proves; `commit_port` and `login` outweigh the configuration.

    Raises UsageError.
    """
    from mediakit.cli.named import destination_named
    from mediakit.stages.plan.import_target import target_at

    named = as_user(destination_named(dest, config), login)
    options = named.options
    if commit_port is not None:
        if verify is not Verify.COMMIT:
            raise UsageError("`--commit-port` goes with `--verify commit`")
        options = replace(options, commit_port=commit_port)
    target = target_at(named.address, options, verify, dest)
    if ask_first and target.query is None:
        hint = "leave `--ask-first` out; a folder never stores twice"
        raise UsageError("this destination cannot be queried", where=str(named.address), hint=hint)
    return target


def match_of(text: str) -> Match:
    """Return who is asked. Raises UsageError."""
    from mediakit.transfer.matching import Match

    if text not in set(Match):
        raise UsageError(f"`{text}` is not a way to match", hint=f"there are {', '.join(Match)}")
    return Match(text)


def unattended(
    dest: str, config: Path | None, *, verify: Verify, ask_first: bool, match: str, all_patients: bool
) -> tuple[Target, ImportOrder, Matching | None]:
    """Return where an import goes that nobody attends, how it is done, and whom it asks for local values.

    Raises UsageError.
    """
    from mediakit.stages.import_order import ImportOrder, Matching
    from mediakit.transfer.patient_identity import Expectation, Mixed

    matching = Matching(peer=peer_named(dest, config), match=match_of(match)) if match else None
    target = target_of(dest, config, verify, ask_first=ask_first)
    expectation = Expectation(mixed=Mixed.ALLOW if all_patients else Mixed.REFUSE)
    return target, ImportOrder(verify=verify, ask_first=ask_first, expectation=expectation), matching
