"""Calling back: the report of storage commitment goes to the peer on an association that we open.

We are the SCP of the service and the requestor of the association, which role selection says (PS3.7 D.3.3.4).
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from pynetdicom.association import Association
from pynetdicom.presentation import build_context, build_role

from mediakit.dicom.commitment import (
    STORAGE_COMMITMENT,
    WELL_KNOWN_INSTANCE,
    CommitmentReport,
    report_set,
)
from mediakit.scp.requestor import Requestor, end

_SYNTAXES = ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"]
_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Where a peer that asks for storage commitment listens for the report."""

    host: str
    port: int
    ssl_context: ssl.SSLContext | None = None


def deliver(caller: Caller, called_ae: str, calling_ae: str, report: CommitmentReport) -> bool:
    """Open an association, send a report, and return True when the peer answered that it has it."""
    entity = Requestor(calling_ae, connect_s=_TIMEOUT_S, association_s=_TIMEOUT_S, answer_s=_TIMEOUT_S)
    tls_args = None if caller.ssl_context is None else (caller.ssl_context, caller.host)
    try:
        link = entity.associate(
            caller.host,
            caller.port,
            contexts=[build_context(STORAGE_COMMITMENT, _SYNTAXES)],
            ae_title=called_ae,
            ext_neg=[build_role(STORAGE_COMMITMENT, scp_role=True)],
            tls_args=tls_args,
        )
    except OSError:
        return False
    try:
        return link.is_established and _send(link, report)
    finally:
        if link.is_established:
            link.release()
        end(link)


def _send(link: Association, report: CommitmentReport) -> bool:
    if not link.accepted_contexts:
        return False
    status, _ = link.send_n_event_report(
        report_set(report), report.event_type, STORAGE_COMMITMENT, WELL_KNOWN_INSTANCE
    )
    return "Status" in status and status.Status == 0
