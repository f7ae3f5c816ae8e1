"""`stoker.shards`: packed data as a source, refused where it is not what the caller says."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import Any

from stoker import _native
from stoker.errors import ShardError
from stoker.loader import check_operators
from stoker.operators import Operator
from stoker.packing.identity import JSON_COLUMN, json_labels, source_identity
from stoker.packing.manifest import STATISTICS_NAME, Manifest, opened
from stoker.packing.plan import Plan, differences, shown
from stoker.packing.steps import digest, node_count, shown_list, without_done
from stoker.sources import Source
from stoker.statistics import Statistics


class Shards(Source):
    """Samples of packed data. Made by `stoker.shards`.

    Attributes:
        plan, manifest: What was packed and how, and what lies there.
    """

    def __init__(self, folder: str, plan: Plan, manifest: Manifest) -> None:
        self.folder, self.plan, self.manifest = folder, plan, manifest
        variants: list[list[str]] = [[] for _ in range(plan.variants)]
        for each in manifest.files:
            variants[each["variant"]].append(os.path.join(folder, each["name"]))
        native = _native.ShardsSource(variants, folder, node_count(plan.operators))
        if native.footers != plan.footers():
            raise ShardError(
                f"{folder}: the shards are of another plan than plan.json; put back the files that belong "
                "together, or remove the folder and pack again."
            )
        super().__init__(native, None, plan.classes, origin=f"shards {folder!r} of form {plan.form!r}")
        self.native: _native.ShardsSource = native
        self.has_labels = plan.labels is not None
        self.done = plan.operators
        of = plan.fingerprint["source"]
        left_out = {"left_out": manifest.skipped} if manifest.skipped else {}
        self.part = {
            "part": {**of["data"], "root": (plan.origin or {}).get("name", "")},
            "order": of["order"],
            "labels": plan.labels,
            "identity": {**of, **left_out},
        }
        self._made(lambda: (shards, (folder,), {}))

    def remaining(self, operators: Sequence[Operator], owner: str, **decoding: str) -> list[Operator]:
        if self.plan.form == "source":
            return list(operators)
        for name, value in decoding.items():
            packed = self.plan.fingerprint[name]
            if value != packed:
                raise ValueError(
                    f"{owner}: {name} differs: the data were packed with {name}={packed!r}, got {value!r}. "
                    f"Say {name}={packed!r}, or pack anew."
                )
        return without_done(operators, self.done, f"{owner}: operators of {self.folder}")

    def labels_of(self, batch: _native.Batch) -> Any:
        if self.plan.labels == "json":
            return json_labels(batch.column(JSON_COLUMN))
        return batch.column("label") if self.plan.labels else None

    def known(self) -> list[Any]:
        return [*super().known(), digest(self.plan.fingerprint), len(self.manifest.skipped)]

    def notes(self) -> list[str]:
        plan = self.plan
        lines = [f"shards: form {plan.form!r}, {len(self.manifest.files)} files in {self.folder}"]
        if plan.operators:
            lines.append(f"shards: done while packing: {shown_list(plan.operators)}")
        if plan.variants > 1:
            lines.append(f"shards: epoch e reads variant e mod {plan.variants} of the frozen draws")
        if self.manifest.skipped:
            lines.append(
                f"shards: {len(self.manifest.skipped)} bad samples were left out, so later samples are drawn "
                "for otherwise than in the source"
            )
        now = _native.build_info()["codecs"]
        decoders = plan.fingerprint["decoders"]
        if decoders is not None and decoders != now:
            name, then, here = next(differences(decoders, now))
            lines.append(f"shards: packed by another decoder: {name} was {then} and is {here} here")
        return lines

    def original_index(self, index: int) -> int:
        """Index in the source that was packed."""
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} is outside 0 to {len(self) - 1}")
        return int(self.native.original_index(index))

    @property
    def statistics(self) -> Statistics | None:
        """Of the packed pixels, where the packing computed them (`statistics=True`).

        Raises:
            ShardError: The file is not the one that was written.
        """
        if self.manifest.statistics is None:
            return None
        path = os.path.join(self.folder, STATISTICS_NAME)
        with open(path, "rb") as file:
            found = hashlib.sha256(file.read()).hexdigest()
        if found != self.manifest.statistics:
            raise ShardError(
                f"{path}: it is not the file that was packed; run `stoker pack --finalise {self.folder}`."
            )
        return Statistics.load(path)


def shards(
    folder: str | os.PathLike[str],
    *,
    operators: Sequence[Operator] | None = None,
    form: str | None = None,
    source: Source | None = None,
    variants: int | None = None,
    color: str | None = None,
    exif: str | None = None,
    image_dtype: str | None = None,
) -> Source:
    """Samples packed by `stoker.pack`, with their labels, classes and original paths.

    Whatever is given besides the folder must be so; left out it may be anything.

    Args:
        folder: What was packed into.
        operators: Those of the training pipeline, whose beginning is in the data; as for `stoker.Loader`.
        form, variants, color, exif, image_dtype: As they were packed.
        source: The source that the data are of; its files are looked at.

    Raises:
        ValueError, TypeError: The data differ from what is given; the message names the field.
        stoker.ShardError: Files are missing or damaged, with the command that repairs them.
        OSError: They cannot be read.
    """
    path = _checked_path(folder)
    plan, manifest = opened(path)
    stated = {"form": form, "variants": variants, "color": color, "exif": exif, "image_dtype": image_dtype}
    for name, value in stated.items():
        packed = plan.fingerprint[name]
        if value is not None and value != packed:
            raise ValueError(
                f"shards: {name} differs: {path} was packed with {name}={packed!r}, got {value!r}. Pack anew "
                f"into another folder, or say {name}={packed!r}."
            )
    if operators is not None:
        without_done(check_operators(operators, "shards"), plan.operators, f"shards: operators of {path}")
    if source is not None:
        _check_source(path, plan, source)
    if plan.form == "npy":
        raise ValueError(
            f"shards: {path} holds form 'npy', arrays for NumPy and torch: "
            "np.load(folder + '/images.npy', mmap_mode='r'), or stoker.arrays of it."
        )
    return source_of(path, plan, manifest)


def source_of(folder: str, plan: Plan, manifest: Manifest) -> Shards:
    """Packed data whose plan and manifest are known."""
    return Shards(folder, plan, manifest)


def _checked_path(folder: Any) -> str:
    try:
        return os.path.abspath(os.fsdecode(folder))
    except TypeError:
        raise TypeError(f"shards: folder must be a string or a path, got {folder!r}.") from None


def _check_source(folder: str, plan: Plan, source: Source) -> None:
    if not isinstance(source, Source):
        raise TypeError(f"shards: source must come from stoker.folder and the like, got {source!r}.")
    then, now = plan.fingerprint["source"], source_identity(source)
    if changed := changed_file(folder, plan, source):
        raise ValueError(f"shards: the source differs from the one that {folder} was packed of: {changed}.")
    for name, was, is_now in differences(then, now):
        raise ValueError(
            f"shards: the source differs from the one that {folder} was packed of: {name} was "
            f"{shown(was)} and is {shown(is_now)}."
        )


def changed_file(folder: str, plan: Plan, source: Source) -> str:
    """The first sample whose file has another name or size than the shards say, in words; "" for none."""
    from stoker.packing.identity import source_root

    if len(source) != plan.samples:
        return f"{plan.samples} samples then, {len(source)} now"
    root = source_root(source)
    for shard in range(plan.shard_count):
        path = os.path.join(folder, plan.shard_names(shard)[0])
        try:
            parts = _native.shard_sources(path)
        except (OSError, ShardError):
            continue
        for index, field, name, size, _ in parts:
            if field != 0 or not name:
                continue
            here = source.path(index)
            relative = here[len(root) + 1 :] if root and here.startswith(root + "/") else here
            if relative != name:
                return f"sample {index} was {name} and is {relative}"
            try:
                found = os.stat(here).st_size
            except OSError:
                return f"{relative} is gone"
            if found != size:
                return f"{relative} had {size} bytes and has {found}"
    return ""
