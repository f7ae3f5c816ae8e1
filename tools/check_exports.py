"""Fails unless the Python extension shows exactly one symbol: its init function.

torch, Pillow and OpenCV each bring a libjpeg into the process; a symbol shown by one could bind in another.
"""

import importlib.util
import subprocess
import sys


def shown_symbols(library: str) -> set[str]:
    listing = subprocess.run(
        ["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True
    )
    return {line.split()[-1] for line in listing.stdout.splitlines() if line.strip()}


if __name__ == "__main__":
    if len(sys.argv) > 1:
        library = sys.argv[1]
    else:
        spec = importlib.util.find_spec("stoker._native")
        if spec is None or spec.origin is None:
            sys.exit("check_exports: stoker is not installed here; run ./dev test first, or name the library")
        library = spec.origin
    extra = shown_symbols(library) - {"PyInit__native"}
    if extra:
        sys.exit(f"{library} exports more than PyInit__native: {', '.join(sorted(extra))}")
    print(f"{library}: exports PyInit__native only")
