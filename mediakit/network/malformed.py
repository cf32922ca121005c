"""What is wrong with bytes that a peer sent: the only error that decoding them raises."""

from __future__ import annotations

from mediakit.network.words import AbortReason


class Malformed(Exception):  # noqa: N818 - reads as a sentence where it is raised
    """The bytes are not what PS3.7 or PS3.8 allows. `reason` is what an A-ABORT says about it."""

    def __init__(self, why: str, reason: AbortReason = AbortReason.INVALID_PARAMETER) -> None:
        super().__init__(why)
        self.reason = reason
