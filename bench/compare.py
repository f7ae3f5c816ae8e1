"""Question: is one build of stoker faster than another?

Two Python interpreters, each with a build of its own installed, run the same system of loading.py in turn on
the same images. The answer is faster, slower or cannot tell: both quartiles of the ratios within rounds must
lie on one side of 1, and further from it than the noise that is allowed for.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from loading import Process, lay_out
from ratios import shown, spread
from systems import PEER_OF

from stoker.profiling.comparing import NOISE, answer_of


def verdict(name, ratios, noise, more_is_better):
    """One line about candidate / baseline."""
    answer = answer_of(ratios, more_is_better, noise)
    return f"{name}: candidate / baseline {shown(spread(ratios), 3)}: {answer}"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--baseline", required=True, help="Python interpreter with one build")
    parser.add_argument("--candidate", required=True, help="Python interpreter with the other build")
    parser.add_argument("--data", type=Path, required=True, help="a folder of JPEGs, searched at any depth")
    parser.add_argument("--system", choices=list(PEER_OF), default="stoker-native-pillow")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--images", type=int, default=1024)
    parser.add_argument("--noise", type=float, default=NOISE, help="ratios this near to 1 say nothing")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root, _, count = lay_out(args.data, args.images, folder)
        both = [Process(args.system, root, None, count, python) for python in (args.baseline, args.candidate)]
        for process in both:
            process.epoch()
        rounds = []
        for number in range(args.rounds):
            order = (0, 1) if number % 2 == 0 else (1, 0)
            result = {which: both[which].epoch() for which in order}
            rounds.append((result[0], result[1]))
            print(f"round {number + 1}/{args.rounds}", file=sys.stderr)
        for process in both:
            process.close()
    print(f"{args.system}, {args.rounds} rounds of {count} images, median [quartiles]")
    for key, name, more_is_better in (("images_per_s", "images/s", True), ("cpu_ms", "CPU ms/image", False)):
        print(verdict(name, [new[key] / old[key] for old, new in rounds], args.noise, more_is_better))


if __name__ == "__main__":
    main()
