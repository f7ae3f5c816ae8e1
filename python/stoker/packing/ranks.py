"""Which part of the work is this process's: said on the command line, or by a scheduler."""

from __future__ import annotations

import os
from collections.abc import Mapping

# Variables of schedulers that number the processes of one launch: rank, count, first number.
_LAUNCHES = (
    ("SLURM_PROCID", "SLURM_NTASKS", None),
    ("RANK", "WORLD_SIZE", None),
    ("JOB_COMPLETION_INDEX", "JOB_COMPLETIONS", None),
)
_ARRAY = ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN")


def find_rank(
    rank: int | None, world: int | None, environment: Mapping[str, str] = os.environ
) -> tuple[int, int, str]:
    """(rank, world size, where they are from).

    What is given goes before the environment. Tasks of a Slurm array that each start several processes are
    counted through.

    Raises:
        ValueError: One of both is missing, or they do not fit.
    """
    if rank is not None and world is not None:
        return _checked(rank, world, "--rank and --world")
    array = _read(environment, *_ARRAY, world)
    for names in _LAUNCHES:
        found = _read(environment, *names, world)
        if found is None:
            continue
        if array is not None and names[0] == "SLURM_PROCID":
            text = f"{_ARRAY[0]} and {names[0]}"
            return _checked(array[0] * found[1] + found[0], array[1] * found[1], text)
        if array is None:
            return _given(rank, world, *found, names[0])
    if array is not None:
        return _given(rank, world, *array, _ARRAY[0])
    if rank is not None or world not in (None, 1):
        raise ValueError("give both --rank R and --world W (R from 0 to W - 1).")
    return 0, 1, ""


def _given(rank: int | None, world: int | None, found: int, count: int, name: str) -> tuple[int, int, str]:
    return _checked(found if rank is None else rank, count if world is None else world, name)


def _read(
    environment: Mapping[str, str], rank_name: str, count_name: str, first_name: str | None, world: int | None
) -> tuple[int, int] | None:
    if rank_name not in environment:
        return None
    rank = _number(environment, rank_name)
    if count_name in environment:
        count = _number(environment, count_name)
    elif world is not None:
        count = world
    else:
        raise ValueError(f"{rank_name} is {rank}, but {count_name} is not set; say --world W.")
    if first_name is not None and first_name in environment:
        rank -= _number(environment, first_name)
    return rank, count


def _number(environment: Mapping[str, str], name: str) -> int:
    text = environment[name]
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{name} must be a whole number of at least 0, got {text!r}.")
    return int(text)


def _checked(rank: int, world: int, name: str) -> tuple[int, int, str]:
    if world < 1 or not 0 <= rank < world:
        raise ValueError(
            f"rank {rank} of {world} (from {name}): the rank must be from 0 to the world size less 1; "
            "with steps between array tasks say --rank and --world."
        )
    return rank, world, name
