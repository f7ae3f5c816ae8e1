"""stoker: an input engine for training. Image folders become batches, natively, exactly, sooner.

`from stoker.torch import DataLoader` takes the place of torch's; `stoker.Loader` works without torch.
"""

from typing import TYPE_CHECKING, Any

from stoker import operators as operators
from stoker._native import build_info
from stoker.errors import InternalError, IoError, SampleError, ShardError, StokerError
from stoker.loader import Loader
from stoker.operators import *  # noqa: F403
from stoker.sources import Source, arrays, files, folder

if TYPE_CHECKING:
    from stoker.lowering import albumentations as albumentations
    from stoker.lowering import from_transforms as from_transforms

__version__: str = build_info()["version"]

__all__ = [
    "InternalError",
    "IoError",
    "Loader",
    "SampleError",
    "ShardError",
    "Source",
    "StokerError",
    "albumentations",
    "arrays",
    "files",
    "folder",
    "from_transforms",
    *operators.__all__,
]


def __getattr__(name: str) -> Any:
    # What needs other libraries is loaded when it is asked for.
    if name in ("albumentations", "from_transforms"):
        from stoker import lowering

        return getattr(lowering, name)
    raise AttributeError(f"module 'stoker' has no attribute {name!r}")
