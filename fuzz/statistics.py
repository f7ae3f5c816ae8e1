"""Files of statistics with mutations: each is refused with a ValueError, or is one that stoker would write.

A seed and a number make a mutation, so that whatever is found is found again.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

from stoker.statistics import file
from stoker.statistics.figures import Statistics

# What readers of numbers, lists and strings stumble over.
VALUES: list[Any] = [
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        0.5,
        -0.0,
        1e308,
        5e-324,
        255,
        256,
        2**31,
        2**63 - 1,
        2**63,
        -(2**63),
        10**400,
    ),
    *(
        "",
        "0",
        "-0",
        "1e9",
        "nan",
        "inf",
        "9" * 45,
        "9" * 46,
        "\0",
        "\ud800",
        "\u0660",
        [],
        [0],
        [1, 0],
        [[]],
        {},
    ),
    *(
        "uint8",
        "uint16",
        "int16",
        "float32",
        "unchanged",
        "f" * 64,
        ["1.0", "0.0"],
        ["nan", "0"],
        {"first": 0},
    ),
]
BYTES = [
    b"NaN",
    b"-Infinity",
    b"1e999",
    b'"',
    b"\\u0000",
    b"[" * 2000,
    b"{}",
    b"\xff",
    b"\0",
    b",",
    b"-",
    b"0" * 50,
]


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) within `value`."""
    items = (
        list(value.items())
        if isinstance(value, dict)
        else list(enumerate(value))
        if isinstance(value, list)
        else []
    )
    return [place for key, each in items for place in ((value, key), *places(each))]


def mutated_value(numbers: random.Random, value: Any) -> Any:
    if type(value) is int and numbers.random() < 0.4:
        return value + numbers.choice((-1, 1, 2**32, -(2**32)))
    if type(value) is float and numbers.random() < 0.4:
        return value * numbers.choice((-1, 1 + 2**-52, 2, 1e300))
    if type(value) is str and value.isdigit() and numbers.random() < 0.4:
        return str(int(value) + numbers.choice((-1, 1)))
    return copy.deepcopy(numbers.choice(VALUES))  # a later mutation may go into it


def mutated_fields(numbers: random.Random, text: bytes) -> bytes:
    """Valid JSON with some values, keys or list entries changed."""
    whole = json.loads(text)
    for _ in range(numbers.choice((1, 1, 1, 2, 4))):
        container, key = numbers.choice(places(whole) or [([whole], 0)])
        kind = numbers.randrange(8)
        if kind == 0:
            del container[key]
        elif kind == 1 and isinstance(container, dict):
            container[numbers.choice(("x", "children", "count", key + " "))] = container[key]
        elif kind == 1:
            container.insert(key, container[key])
        else:
            container[key] = mutated_value(numbers, container[key])
    return json.dumps(whole).encode()


def mutated_bytes(numbers: random.Random, text: bytes) -> bytes:
    data = bytearray(text)
    for _ in range(numbers.choice((1, 1, 2, 8))):
        at = numbers.randrange(len(data) + 1)
        kind = numbers.randrange(5)
        if kind == 0:
            data[at:] = b""
        elif kind == 1:
            data[at : at + numbers.randrange(1, 9)] = b""
        elif kind == 2:
            data[at:at] = numbers.choice(BYTES)
        elif kind == 3:
            end = at + numbers.randrange(1, 40)
            data[at:at] = data[at:end]
        elif at < len(data):
            data[at] ^= 1 << numbers.randrange(8)
    return bytes(data)


def check(data: bytes) -> bool:
    """Whether `data` is taken for statistics; anything but a ValueError goes up."""
    try:
        fields = file.fields_of(data)
    except ValueError as error:
        assert str(error).isprintable() and len(str(error)) < 1000, f"no message for a person: {error!r}"
        return False
    written = file.as_text(Statistics(**fields)).encode()
    assert file.fields_of(written) == fields, "what was read and written is not read the same again"
    return True


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path, help="a folder of whole files of statistics")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--runs", type=int, default=10**12, help="stop after so many")
    parser.add_argument("--seed", type=int, default=time.time_ns())
    parser.add_argument("--only", type=int, metavar="NUMBER", help="run this mutation alone, and show it")
    args = parser.parse_args()
    seeds = [path.read_bytes() for path in sorted(args.corpus.iterdir())]
    for seed in seeds:
        assert check(seed), "a file of the corpus is refused"
    begin, number, taken = time.monotonic(), args.only or 0, 0
    while number < args.runs and time.monotonic() - begin < args.seconds:
        numbers = random.Random(f"{args.seed} {number}")
        mutate = mutated_fields if numbers.random() < 0.7 else mutated_bytes
        data = mutate(numbers, numbers.choice(seeds))
        if args.only is not None:
            print(data)
        try:
            taken += check(data)
        except Exception:
            print(f"found: --seed {args.seed} --only {number}", file=sys.stderr)
            raise
        number += 1
        if args.only is not None:
            break
    seconds = time.monotonic() - begin
    print(f"{number} runs in {seconds:.0f} seconds, {taken} taken as statistics, seed {args.seed}")


if __name__ == "__main__":
    main()
