"""Types of fields that strangers may send: bounded, so that decoding alone refuses what could not be handled."""

from __future__ import annotations

from typing import Annotated

import msgspec

Natural = Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)]  # fits a signed 64-bit column, sums of two included
Integer = Annotated[int, msgspec.Meta(gt=-(1 << 62), lt=1 << 62)]
Positive = Annotated[int, msgspec.Meta(ge=1, lt=1 << 62)]
Digest = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
Signature = Annotated[bytes, msgspec.Meta(min_length=64, max_length=64)]
