"""Pipelines of other libraries, called on one sample at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stoker.calling.compose import CompiledCompose
from stoker.loader import check_count

if TYPE_CHECKING:
    from stoker.calling.transforms import CompiledTransforms

__all__ = ["CompiledCompose", "compile"]


def compile(transform: Any, *, seed: int | None = None) -> CompiledCompose | CompiledTransforms:
    """Makes a pipeline callable as it was, with its work done in the engine.

    For transforms inside anyone's own `__getitem__`: `native = stoker.compile(compose)`, then
    `native(image=image, mask=mask, bboxes=boxes, labels=labels)` gives what an Albumentations `compose`
    would, and `native(image)` what a torchvision one makes of a PIL image or a tensor. It has no
    threads and no locks, lets go of the GIL while it works, pickles, and may be used after a fork and by
    several threads at once.

    Transforms that are not native run in Python between those that are; `.report` says which and why.
    Random numbers are the engine's own: every transform draws independently of the others, from the seed
    and the number of the call; torchvision's that run in Python draw from torch's generator, as ever. In a
    worker process of torch they also follow from the worker's seed, so that no two workers and no two epochs
    draw alike.

    Args:
        transform: An Albumentations 2.0.0 to 2.0.8 Compose or transform, or one of torchvision, v1 or v2.
        seed: 0 to 2**64 - 1; None draws other numbers in every process.

    Raises:
        ValueError: Another version of Albumentations, or arguments that Albumentations has ignored.
        TypeError: `transform` is something else.
    """
    checked = None if seed is None else check_count("seed", seed, 0, 2**64 - 1)
    module = type(transform).__module__
    if module.split(".")[0] == "torchvision" or module == "torch.nn.modules.container":
        from stoker.calling.transforms import CompiledTransforms

        return CompiledTransforms(transform, checked)
    if not module.split(".")[0] == "albumentations" and not hasattr(transform, "_key2func"):
        raise TypeError(
            f"compile: transform is a {type(transform).__name__}, allowed are pipelines of"
            " Albumentations 2.0.0 to 2.0.8 and of torchvision."
        )
    return CompiledCompose(transform, checked)
