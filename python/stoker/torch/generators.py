"""The generators that an epoch's order comes from, and their states as text."""

from __future__ import annotations

import base64
import binascii
import contextlib
import zlib
from collections.abc import Iterator
from typing import Any

import torch

# A state of torch's CPU generator: words of 8 bytes, most with 4 random ones and 4 that are zero.
_STATE_BYTES = 5056
_WORD_BYTES = 8


def of(loader: Any, draws_globally: bool) -> dict[str, torch.Generator | None]:
    """Generators by role; None is torch's process-wide one. Each is named once."""
    found: dict[str, torch.Generator | None] = {}
    for name, owner in (
        ("loader", loader),
        ("sampler", sampler_of(loader)),
        ("batch_sampler", loader.batch_sampler),
    ):
        generator = getattr(owner, "generator", None)
        if isinstance(generator, torch.Generator) and all(generator is not each for each in found.values()):
            found[name] = generator
    return {**found, "torch": None} if draws_globally else found


def sampler_of(loader: Any) -> Any:
    """Who gives the order of single samples, the loader's or its batch sampler's."""
    if loader.batch_sampler is None:
        return loader.sampler
    return getattr(loader.batch_sampler, "sampler", loader.batch_sampler)


def read(generator: torch.Generator | None) -> torch.Tensor:
    return torch.get_rng_state() if generator is None else generator.get_state()


def write(generator: torch.Generator | None, state: torch.Tensor) -> None:
    if generator is None:
        torch.set_rng_state(state)
    else:
        generator.set_state(state)


@contextlib.contextmanager
def put_back(is_needed: bool) -> Iterator[None]:
    """Leaves torch's process-wide generator as it was, whatever is drawn meanwhile."""
    if not is_needed:
        yield
        return
    state = torch.get_rng_state()
    try:
        yield
    finally:
        torch.set_rng_state(state)


def to_text(state: torch.Tensor) -> str:
    """3.5 KB of ASCII."""
    by_place = state.view(-1, _WORD_BYTES).T.contiguous()  # the zeros side by side
    return base64.b64encode(zlib.compress(by_place.numpy().tobytes(), 6)).decode("ascii")


def from_text(name: str, text: Any) -> torch.Tensor:
    """The state again.

    Raises:
        ValueError: It is none, or damaged.
    """
    try:
        packed = base64.b64decode(text, validate=True)
        inflater = zlib.decompressobj()
        data = inflater.decompress(packed, _STATE_BYTES + 1)
        if not inflater.eof or inflater.unused_data or len(data) != _STATE_BYTES:
            raise ValueError("not whole")
        by_place = torch.frombuffer(bytearray(data), dtype=torch.uint8).view(_WORD_BYTES, -1)
        state = by_place.T.contiguous().view(-1)
        torch.Generator().set_state(state)
    except (TypeError, ValueError, binascii.Error, zlib.error, RuntimeError):
        raise ValueError(
            f"load_state_dict: the state of the generator {name!r} is damaged; take the state anew."
        ) from None
    return state
