"""stoker: an input engine for training. Image folders become batches, natively, exactly, sooner.

`from stoker.torch import DataLoader` takes the place of torch's; `stoker.Loader` works without torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stoker.advising import Advice, advise
    from stoker.calling import compile
    from stoker.errors import InternalError, IoError, SampleError, ShardError, StokerError
    from stoker.islands import in_python
    from stoker.loader import Loader
    from stoker.lowering import albumentations, from_transforms
    from stoker.mixing import CutMix, MixUp
    from stoker.operators import *  # noqa: F403
    from stoker.packing import Packed, pack, shards, verify
    from stoker.profiling import Profile, compare, profile
    from stoker.sources import Source, arrays, files, folder
    from stoker.statistics import Statistics, compute_statistics, normalize

__version__ = "0.1.0"

# Everything is imported when it is first asked for: the command line answers without NumPy, and nothing but
# stoker.torch and stoker.albumentations ever needs torch or another image library.
_HOMES = {
    "stoker.advising": ("Advice", "advise"),
    "stoker.calling": ("compile",),
    "stoker.errors": ("InternalError", "IoError", "SampleError", "ShardError", "StokerError"),
    "stoker.islands": ("in_python",),
    "stoker.loader": ("Loader",),
    "stoker.lowering": ("albumentations", "from_transforms"),
    "stoker.mixing": ("CutMix", "MixUp"),
    "stoker.packing": ("Packed", "pack", "shards", "verify"),
    "stoker.profiling": ("Profile", "compare", "profile"),
    "stoker.sources": ("Source", "arrays", "files", "folder"),
    "stoker.statistics": ("Statistics", "compute_statistics", "normalize"),
}
_NAMES = {name: home for home, names in _HOMES.items() for name in names}

if TYPE_CHECKING:
    __all__ = [
        "Advice",
        "CutMix",
        "InternalError",
        "IoError",
        "Loader",
        "MixUp",
        "Packed",
        "Profile",
        "SampleError",
        "ShardError",
        "Source",
        "Statistics",
        "StokerError",
        "advise",
        "albumentations",
        "arrays",
        "compare",
        "compile",
        "compute_statistics",
        "files",
        "folder",
        "from_transforms",
        "in_python",
        "normalize",
        "pack",
        "profile",
        "shards",
        "verify",
    ]


def __dir__() -> list[str]:
    return sorted([*_NAMES, *import_module("stoker.operators").__all__, "__version__"])


def __getattr__(name: str) -> Any:
    if name == "__all__":
        value: Any = [each for each in __dir__() if not each.startswith("_")]
    elif name in _NAMES:
        value = getattr(import_module(_NAMES[name]), name)
    elif not name.startswith("_") and name in import_module("stoker.operators").__all__:
        value = getattr(import_module("stoker.operators"), name)
    else:
        raise AttributeError(f"module 'stoker' has no attribute {name!r}")
    globals()[name] = value
    return value
