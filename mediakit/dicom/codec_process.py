"""Decode frames in a process of their own, so that a codec that crashes takes one file with it, not a burn.

GDCM and others end the process, or never come back, for some damaged frames. One child is started when
the first frame is decoded, and used until it dies or the program ends.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from dataclasses import asdict
from struct import pack, unpack
from threading import Event, Lock, Timer
from typing import IO, BinaryIO

from mediakit.dicom.image import CODEC_ERRORS, Shape
from mediakit.limits import FRAME_TIMEOUT_S, LEAST_FRAME_TIMEOUT_S, MAX_CODEC_BYTES


class CodecFailed(Exception):  # noqa: N818 - an answer about one frame, caught by `frames`
    """The codec did not take the frame: the name of its error, or that it died."""


class _Child:
    """The running child of this process, if there is one."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._running: subprocess.Popen[bytes] | None = None
        self._pid = 0
        self._timeout_s = FRAME_TIMEOUT_S

    def ask(self, request: bytes) -> bytes:
        """Return the answer of the child to one request. Raises `CodecFailed`."""
        with self._lock:
            child = self._started()
            late = Event()
            timer = Timer(self._timeout_s, _kill, (child, late))
            timer.daemon = True
            timer.start()
            try:
                return _exchange(child, request)
            except OSError as exc:
                self._end()
                raise CodecFailed(self._why(late.is_set())) from exc
            finally:
                timer.cancel()

    def _why(self, is_late: bool) -> str:
        """Return why the child is gone; the next frame that takes too long is given less time."""
        if not is_late:
            return "the codec crashed"
        why = f"the codec took longer than {self._timeout_s:g} s"
        self._timeout_s = max(LEAST_FRAME_TIMEOUT_S, self._timeout_s / 2)
        return why

    def _started(self) -> subprocess.Popen[bytes]:
        running = self._running
        if running is not None and self._pid == os.getpid() and running.poll() is None:
            return running
        if running is not None and self._pid == os.getpid():
            self._end()
        paths = os.pathsep.join(path for path in sys.path if path)
        self._pid = os.getpid()
        self._running = subprocess.Popen(
            # -P: never import from the working folder, which may hold whatever is being burned.
            [sys.executable, "-P", "-m", "mediakit.dicom.codec_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # codecs write about damaged frames there
            env={**os.environ, "PYTHONPATH": paths},
        )
        return self._running

    def end(self) -> None:
        """End the child, if this process has started one."""
        with self._lock:
            if self._pid == os.getpid():
                self._end()

    def _end(self) -> None:
        child, self._running = self._running, None
        if child is None:
            return
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                _close(pipe)


def _kill(child: subprocess.Popen[bytes], late: Event) -> None:
    late.set()
    child.kill()


def _close(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except OSError:
        return  # what it held for a child that is dead is lost: nobody waits for it


_CHILD = _Child()
atexit.register(_CHILD.end)


def decoded_apart(stream: bytes, syntax: str, shape: Shape) -> bytes:
    """Return what `decoders.decode_here` gives, called in the child. Raises `CodecFailed`."""
    head = json.dumps({"syntax": syntax, "shape": asdict(shape)}).encode()
    return _CHILD.ask(pack("<LQ", len(head), len(stream)) + head + stream)


def _exchange(child: subprocess.Popen[bytes], request: bytes) -> bytes:
    if child.stdin is None or child.stdout is None:
        raise OSError("no pipe")
    child.stdin.write(request)
    child.stdin.flush()
    status, length = unpack("<BQ", _exactly(child.stdout, 9))
    answer = _exactly(child.stdout, length)
    if status:
        raise CodecFailed(answer.decode("ascii", "replace"))
    return answer


def _exactly(stream: IO[bytes], length: int) -> bytes:
    data = stream.read(length)
    if len(data) != length:
        raise OSError("the other side is gone")
    return data


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until they end: the main loop of the child."""
    from mediakit.dicom.decoders import decode_here  # noqa: PLC0415 - only the child needs the codecs

    while head := requests.read(12):
        head_length, stream_length = unpack("<LQ", head)
        asked = json.loads(requests.read(head_length))
        stream = requests.read(stream_length)
        try:
            status, answer = 0, decode_here(stream, asked["syntax"], Shape(**asked["shape"]))
        except CODEC_ERRORS as exc:
            status, answer = 1, type(exc).__name__.encode("ascii", "replace")
        answers.write(pack("<BQ", status, len(answer)))
        answers.write(answer)
        answers.flush()


def _bound_memory() -> None:
    """Let the system refuse this process more memory than a frame can need, where it can."""
    try:
        import resource  # noqa: PLC0415 - not on every system
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_CODEC_BYTES, MAX_CODEC_BYTES))


def _main() -> None:
    """Serve on the standard streams; what codecs print to standard output must not reach the answers."""
    _bound_memory()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    _main()
