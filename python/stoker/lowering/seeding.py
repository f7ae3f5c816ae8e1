"""Functions for `worker_init_fn` that do nothing but seed generators.

In worker processes they matter to Python code that draws. Where the engine makes the samples nothing draws
from those generators, so a loader with such a function may be native. A function is read, never called: by
its name where a library is known for it, otherwise by its code.
"""

from __future__ import annotations

import builtins
import dis
import functools
import inspect
import sys
from types import CodeType, FunctionType
from typing import Any

# Module and name of functions that seed and, at most, write to their library's log.
_OF_LIBRARIES = {
    ("lightning.fabric.utilities.seed", "pl_worker_init_function"),
    ("lightning_fabric.utilities.seed", "pl_worker_init_function"),
    ("pytorch_lightning.utilities.seed", "pl_worker_init_function"),
    ("timm.data.loader", "_worker_init"),
    ("transformers.trainer_utils", "seed_worker"),
}

_MODULES = ("random", "numpy", "numpy.random", "torch", "torch.cuda", "torch.random", "torch.utils.data")

# What seeding functions read and call; none of them changes anything but a generator.
_ATTRIBUTES = {
    *("random", "cuda", "utils", "data"),
    *("seed", "manual_seed", "manual_seed_all", "initial_seed", "get_state"),
    *("get_worker_info", "id", "num_workers"),
}
_FUNCTIONS = {"seed", "manual_seed", "initial_seed", "get_worker_info"}

_HARMLESS_LOADS = (
    *("LOAD_FAST", "LOAD_CONST", "LOAD_DEREF", "LOAD_SMALL_INT"),
    *("LOAD_ASSERTION_ERROR", "LOAD_COMMON_CONSTANT"),
)
_PLAIN = (bool, int, float, str, type(None))


def only_seeds(function: Any) -> bool:
    """Whether calling it could be noticed by nothing but Python code that draws random numbers."""
    while isinstance(function, functools.partial):
        if not all(isinstance(each, _PLAIN) for each in (*function.args, *function.keywords.values())):
            return False
        function = function.func
    name = (getattr(function, "__module__", None), getattr(function, "__qualname__", None))
    if name in _OF_LIBRARIES or _is_known(function):
        return True
    return isinstance(function, FunctionType) and _reads_as_seeding(function)


def _reads_as_seeding(function: FunctionType) -> bool:
    code = function.__code__
    if code.co_flags & (inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
        return False
    if any(isinstance(each, CodeType) for each in code.co_consts):
        return False
    try:
        held = [cell.cell_contents for cell in function.__closure__ or ()]
    except ValueError:  # a variable that is not set yet
        return False
    defaults = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
    if not all(_is_known(each) for each in (*held, *defaults)):
        return False
    return all(_is_harmless(step, function.__globals__) for step in dis.get_instructions(code))


def _is_harmless(step: dis.Instruction, names: dict[str, Any]) -> bool:
    kind = step.opname
    if kind.startswith(("STORE_", "DELETE_")):
        return kind.startswith(("STORE_FAST", "DELETE_FAST"))
    if kind == "LOAD_GLOBAL":
        if step.argval == "int":
            return names.get("int", builtins.int) is int
        return step.argval in names and _is_known(names[step.argval])
    if kind in ("LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM"):
        return step.argval in _ATTRIBUTES
    if kind == "IMPORT_NAME":
        return step.argval in _MODULES
    return not kind.startswith("LOAD_") or kind.startswith(_HARMLESS_LOADS)


def _is_known(value: Any) -> bool:
    """A plain value, one of the modules, or one of their functions above."""
    if isinstance(value, _PLAIN):
        return True
    modules = [sys.modules[name] for name in _MODULES if name in sys.modules]
    if any(value is each for each in modules):
        return True
    name = getattr(value, "__name__", None)
    return name in _FUNCTIONS and any(value == getattr(each, name, None) for each in modules)
