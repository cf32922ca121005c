"""Connecting to a peer: TCP, and TLS where that is wanted. The one place that dials for DICOM."""

from __future__ import annotations

import socket
import ssl

from mediakit.destinations.base import Unreachable
from mediakit.destinations.peer import Peer
from mediakit.destinations.tls import client_context, refused_handshake


def dial(peer: Peer, context: ssl.SSLContext | None = None) -> socket.socket:
    """Return a connection to a peer, over TLS where the peer has it. Raises Unreachable, UsageError.

    `context` is how to speak TLS, made of the settings of the peer when it is not given.
    """
    if peer.tls is not None and context is None:
        context = client_context(peer.tls)
    sock = _connect(peer)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is None:
            return sock
        sock.settimeout(peer.timeouts.association_s)
        return _secure(sock, context, peer)
    except BaseException:
        sock.close()
        raise


def _connect(peer: Peer) -> socket.socket:
    try:
        return socket.create_connection((peer.host, peer.port), timeout=peer.timeouts.connect_s)
    except TimeoutError as exc:
        raise Unreachable(
            "no connection in time",
            where=str(peer),
            why=f"waited {peer.timeouts.connect_s:g} s",
            hint="does a firewall stand between, or is the machine off?",
            is_passing=True,
        ) from exc
    except socket.gaierror as exc:
        raise Unreachable("the host is not known", where=str(peer), why=exc.strerror or "") from exc
    except ConnectionError as exc:
        raise Unreachable(
            "no connection",
            where=str(peer),
            why=(exc.strerror or "").lower(),
            hint="is the server running, and is the port right?",
            is_passing=True,
        ) from exc
    except (OSError, ValueError, OverflowError) as exc:  # ValueError: a host name that IDNA cannot write
        raise Unreachable("no connection", where=str(peer), why=str(exc)) from exc


def _secure(sock: socket.socket, context: ssl.SSLContext, peer: Peer) -> ssl.SSLSocket:
    try:
        return context.wrap_socket(sock, server_hostname=peer.host)
    except OSError as exc:
        raise refused_handshake(exc, str(peer)) from exc
    except ValueError as exc:  # a host name that cannot stand in a certificate
        raise Unreachable("TLS cannot be used with this host name", where=str(peer), why=str(exc)) from exc
