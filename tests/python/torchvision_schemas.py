"""Makes torchvision importable beside a build of torch that it was not compiled for.

Such a torchvision lacks its compiled operators, and its Python half then stops at two of them, which no test
here uses: their schemas are enough. Does nothing where torchvision imports by itself or is not installed.
"""

from __future__ import annotations

import sys

_SCHEMAS = {
    "torchvision::nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "torchvision::qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def define_missing() -> None:
    """Imports torchvision, with the two schemas where it needs them."""
    try:
        import torchvision
    except ImportError:
        return
    except RuntimeError as problem:
        if "torchvision::nms" not in str(problem):
            raise
    else:
        return
    import torch

    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    for name, schema in _SCHEMAS.items():
        torch.library.define(name, schema)
    import torchvision  # noqa: F401
