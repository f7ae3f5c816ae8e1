"""The file of an interrupted computation: the sums of the first samples, bit for bit."""

from __future__ import annotations

import base64
import contextlib
import glob
import hashlib
import json
import os
import zlib
from typing import Any

import numpy as np

from stoker.statistics import file

_FORMAT = "stoker statistics, interrupted"
_VERSION = 1
_MAX_HISTOGRAM_BYTES = 65536 * 8


class Partial:
    """A path, and the recipe of the computation that it belongs to."""

    def __init__(self, path: str | os.PathLike[str], recipe: dict[str, Any]) -> None:
        self.path = os.path.realpath(os.fspath(path))
        self._recipe: dict[str, Any] = json.loads(json.dumps(recipe))

    def save(self, done: int, sums: dict[str, Any], bad_samples: list[dict[str, Any]]) -> bool:
        """Writes the state after the first `done` samples; False where it cannot be written."""
        channels = [{**each, "histogram": _packed(each["histogram"])} for each in sums["channels"]]
        content = {
            "format": _FORMAT,
            "version": _VERSION,
            "recipe": self._recipe,
            "done": done,
            "sums": {**sums, "channels": channels},
            "bad_samples": bad_samples,
        }
        text = json.dumps({"content": content, "sha256": _digest(content)}, allow_nan=False)
        # The computation is worth more than the means to break it off.
        try:
            file.write_whole(self.path, text.encode("ascii"))
        except OSError:
            return False
        return True

    def load(self) -> tuple[int, dict[str, Any] | None, list[dict[str, Any]]]:
        """(samples done, their sums, the bad ones among them); (0, None, []) where there is no file.

        Raises:
            ValueError: It is damaged, or of another computation; the message names the field.
            OSError: It cannot be read.
        """
        try:
            with open(self.path, "rb") as stream:
                data = stream.read(file.MAX_FILE_BYTES + 1)
        except FileNotFoundError:
            return 0, None, []
        try:
            return self._checked(data)
        except ValueError as error:
            raise ValueError(f"resume {self.path!r}: {error} Delete the file to begin anew.") from None

    def remove(self) -> None:
        """At the end; also what processes left that were killed while they wrote it."""
        folder, name = os.path.split(self.path)
        left = glob.glob(os.path.join(glob.escape(folder), glob.escape(f".{name}.") + "*.tmp"))
        for path in (self.path, *left):
            with contextlib.suppress(OSError):
                os.unlink(path)

    def _checked(self, data: bytes) -> tuple[int, dict[str, Any] | None, list[dict[str, Any]]]:
        whole = file.parsed(data)
        content = whole.get("content") if isinstance(whole, dict) else None
        if not isinstance(content, dict) or whole.get("sha256") != _digest(content):
            raise ValueError("it is damaged, or no file of an interrupted computation.")
        if content.get("format") != _FORMAT or content.get("version") != _VERSION:
            raise ValueError("it is of another version of stoker.")
        recipe = content.get("recipe")
        if not isinstance(recipe, dict):
            raise ValueError("field 'recipe' must be an object.")
        _compare(recipe, self._recipe, "")
        done, sums, bad = content.get("done"), content.get("sums"), content.get("bad_samples")
        is_sums = isinstance(sums, dict) and isinstance(sums.get("channels"), list)
        if not is_sums or type(done) is not int or not isinstance(bad, list):
            raise ValueError("its fields are not those of an interrupted computation.")
        assert isinstance(sums, dict)
        if not all(isinstance(each, dict) for each in (*bad, *sums["channels"])):
            raise ValueError("its fields are not those of an interrupted computation.")
        channels = [{**each, "histogram": _unpacked(each.get("histogram"))} for each in sums["channels"]]
        return done, {**sums, "channels": channels}, bad


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode("ascii")).hexdigest()


def _compare(then: dict[str, Any], now: dict[str, Any], name: str) -> None:
    for key in sorted({*then, *now}):
        before, here = then.get(key), now.get(key)
        if isinstance(before, dict) and isinstance(here, dict):
            _compare(before, here, f"{name}{key}.")
        elif before != here:
            raise ValueError(
                f"it is of another computation: {name}{key} was {_shown(before)} and is {_shown(here)}."
            )


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 120 else text[:120] + "..."


def _packed(histogram: Any) -> str | None:
    if histogram is None:
        return None
    values = np.asarray(histogram, dtype="<u8")
    return base64.b64encode(zlib.compress(values.tobytes(), 1)).decode("ascii")


def _unpacked(text: Any) -> Any:
    if text is None:
        return None
    try:
        stream = zlib.decompressobj()
        data = stream.decompress(base64.b64decode(text, validate=True), _MAX_HISTOGRAM_BYTES + 1)
    except (TypeError, ValueError, zlib.error):
        data = b"?"
    if len(data) % 8 or len(data) > _MAX_HISTOGRAM_BYTES:
        raise ValueError("a histogram in it is damaged.")
    return np.frombuffer(data, dtype="<u8").astype(np.uint64)
