"""The command line: `stoker demo | doctor | bench | stats | pack | verify | profile | advise`.

Only the standard library is imported until a command runs.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence

OK, FINDINGS, USAGE, IO_ERROR = 0, 1, 2, 3


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stoker",
        description="An input engine for training.",
        epilog="Exit codes: 0 in order, 1 findings, 2 wrong usage, 3 files could not be read or written.",
    )
    parser.add_argument("--version", action="store_true", help="print the version and stop")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    demo = commands.add_parser("demo", help="torch's loader and stoker's, side by side on the same images")
    demo.add_argument("folder", nargs="?", help="JPEGs, flat or root/<class>/<file>; made when left out")
    demo.add_argument("--images", type=positive, default=3000, help="images to make (default: 3000)")
    demo.add_argument("--rounds", type=positive, default=3, help="epochs by each loader (default: 3)")
    demo.add_argument(
        "--steps", type=positive, default=20, help="training steps with each loader (default: 20)"
    )
    demo.add_argument("--only-images", action="store_true", help="make the images and stop")

    doctor = commands.add_parser("doctor", help="what of this machine holds training back, and the remedy")
    doctor.add_argument("folder", nargs="?", help="also its file system, and how fast its files are read")
    doctor.add_argument("--format", choices=("text", "json"), default="text")

    bench = commands.add_parser(
        "bench", help="images/s of the native loader on a folder; or which of two loaders is faster"
    )
    bench.add_argument(
        "folder",
        metavar="FOLDER_OR_A",
        help="JPEG and PNG files, searched at any depth; with B, a loader as file.py:function or "
        "module:function: a function without arguments that returns it",
    )
    bench.add_argument("other", metavar="B", nargs="?", help="the loader to compare with A, in turns")
    bench.add_argument("--seconds", type=float, default=20.0, help="with B: in all (default: 20)")
    bench.add_argument("--history", metavar="FILE", help="with B: add the result as a line of JSON")
    bench.add_argument("--size", type=positive, default=224, help="side of the crop in pixels (default: 224)")
    bench.add_argument("--batch-size", type=positive, default=64)
    bench.add_argument("--threads", default="auto", help="CPU threads, a number or 'auto' (default)")
    bench.add_argument("--rounds", type=positive, default=7)
    bench.add_argument("--images", type=positive, default=2000, help="most images a round (default: 2000)")
    bench.add_argument("--format", choices=("text", "json"), default="text")

    profile = commands.add_parser("profile", help="run a script, and say what bounds each of its loaders")
    profile.add_argument("script", help="a training script, run unchanged")
    profile.add_argument("arguments", nargs=argparse.REMAINDER, help="what the script is given")
    profile.add_argument(
        "--seconds",
        type=seconds,
        default=30.0,
        help="stop the script so long after its first batch; 0 lets it end (default: 30)",
    )
    profile.add_argument(
        "--parts", type=seconds, default=15.0, help="seconds for the parts of each loader (default: 15)"
    )
    profile.add_argument("-o", "--output", metavar="FILE", help="write the profiles there as JSON")
    profile.add_argument(
        "--report", metavar="FILE", help="write a page for the browser; FILE-2 and so on for further loaders"
    )
    profile.add_argument("--format", choices=("text", "json"), default="text")

    stats = commands.add_parser("stats", help="mean, deviation and histogram of each channel of a folder")
    stats.add_argument("folder", nargs="?", help="images, flat or root/<class>/<file>")
    stats.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="file to write, for stoker.normalize(FILE); FILE.partial keeps what is done until then, and the "
        "same command goes on from it",
    )
    stats.add_argument("--rank", type=int, default=0, metavar="R", help="measure part R only (default: 0)")
    stats.add_argument("--world", type=positive, default=1, metavar="W", help="of W parts (default: 1)")
    stats.add_argument("--merge", nargs="+", metavar="FILE", help="join the files of parts, without a folder")
    stats.add_argument("--allow-gaps", action="store_true", help="merge although parts are missing")
    stats.add_argument("--resize", type=positive, metavar="N", help="resize the short side to N pixels first")
    stats.add_argument("--no-histogram", action="store_true", help="leave the histogram (percentiles) out")
    stats.add_argument("--nodata", type=float, help="a value to leave out")
    stats.add_argument("--color", choices=("rgb", "bgr", "gray", "unchanged"), default="rgb")
    stats.add_argument(
        "--image-dtype", choices=("uint8", "uint16", "int16", "int32", "float32"), default="uint8"
    )
    stats.add_argument(
        "--extensions", default=".jpg,.jpeg,.png", help="name endings (default: .jpg,.jpeg,.png)"
    )
    stats.add_argument("--skip-bad", action="store_true", help="leave bad files out; exit code 1 if any")
    stats.add_argument("--threads", default="auto", help="CPU threads, a number or 'auto' (default)")
    stats.add_argument("--format", choices=("text", "json"), default="text")

    add_pack(commands.add_parser("pack", help="do expensive work once and save it in verified shards"))
    verify = commands.add_parser("verify", help="read all that was packed; exit code 1 for damage")
    verify.add_argument("folder", help="a folder made by stoker pack")
    verify.add_argument("--source", metavar="FOLDER", help="also find files that have changed since")
    verify.add_argument("--threads", default="auto", help="CPU threads, a number or 'auto' (default)")
    verify.add_argument("--format", choices=("text", "json"), default="text")
    add_advise(
        commands.add_parser("advise", help="what to change in loading a folder or in a script, as measured")
    )
    return parser


def add_advise(advise: argparse.ArgumentParser) -> None:
    advise.add_argument(
        "folder",
        metavar="FOLDER_OR_SCRIPT",
        help="images, flat or root/<class>/<file>; or a script (.py), its arguments behind --: it "
        "is run, and its loaders are watched",
    )
    advise.add_argument("--operators", metavar="FILE", help="JSON of the pipeline, as for stoker pack")
    advise.add_argument("--resize", type=positive, metavar="N", help="without a file: resize before the crop")
    advise.add_argument(
        "--size", type=positive, default=224, help="without a file: side of the random crop (default: 224)"
    )
    advise.add_argument("--batch-size", type=positive, default=64)
    advise.add_argument("--threads", default="auto", help="as it is now, a number or 'auto' (default)")
    advise.add_argument(
        "--epochs", type=positive, default=10, metavar="E", help="still to come (default: 10)"
    )
    advise.add_argument("--jobs", type=positive, default=1, help="trainings that share prepared data")
    advise.add_argument(
        "--disk", metavar="N", help="disk that may be used, such as 200G (default: what is free)"
    )
    advise.add_argument("--memory", metavar="N", help="memory that loading may use, such as 8G")
    advise.add_argument(
        "--accept",
        action="append",
        choices=("jpeg", "variants"),
        default=[],
        help="let plans be chosen that change what is trained on",
    )
    advise.add_argument("--seconds", type=float, default=60.0, help="for measuring, about (default: 60)")
    advise.add_argument(
        "--scratch", metavar="FOLDER", help="for trials, on the disk that would hold the data"
    )
    advise.add_argument("--apply", metavar="FOLDER", help="pack there what the plan needs, and measure again")
    advise.add_argument("--color", choices=("rgb", "bgr", "gray", "unchanged"), default="rgb")
    advise.add_argument(
        "--image-dtype", choices=("uint8", "uint16", "int16", "int32", "float32"), default="uint8"
    )
    advise.add_argument("--format", choices=("text", "json"), default="text")


def add_pack(pack: argparse.ArgumentParser) -> None:
    pack.add_argument("folders", nargs="+", metavar="FOLDER", help="images, and the folder to pack into")
    pack.add_argument("--form", choices=("source", "raw", "jpeg", "npy"), default="raw")
    pack.add_argument("--resize", type=positive, metavar="N", help="resize the short side to N pixels first")
    pack.add_argument(
        "--operators", metavar="FILE", help='JSON of the pipeline: [{"name": ..., "parameters": {...}}, ...]'
    )
    pack.add_argument("--cut", metavar="N", help="operators to do now, a number or 'all'")
    pack.add_argument("--variants", type=positive, default=1, metavar="K", help="freeze K random draws")
    pack.add_argument("--epochs", type=positive, metavar="E", help="epochs that will read it, for messages")
    pack.add_argument("--i-know", action="store_true", help="freeze random operators into one copy")
    pack.add_argument("--quality", type=positive, default=95, help="of form jpeg, 1 to 100 (default: 95)")
    pack.add_argument("--chroma", choices=("4:2:0", "4:2:2", "4:4:4"), default="4:2:0")
    pack.add_argument("--seed", type=int, default=0, help="of frozen draws (default: 0)")
    pack.add_argument("--layout", choices=("hwc", "chw"), default="hwc", help="of form npy")
    pack.add_argument("--color", choices=("rgb", "bgr", "gray", "unchanged"), default="rgb")
    pack.add_argument("--exif", choices=("ignore", "apply"), default="ignore")
    pack.add_argument(
        "--image-dtype", choices=("uint8", "uint16", "int16", "int32", "float32"), default="uint8"
    )
    pack.add_argument(
        "--extensions", help="name endings, with commas between them (default: all that is read)"
    )
    pack.add_argument("--shard-bytes", metavar="N", help="about how large a shard is (default: 256M)")
    pack.add_argument("--samples-per-shard", type=positive, metavar="N", help="instead of --shard-bytes")
    pack.add_argument("--statistics", action="store_true", help="compute those of the packed pixels")
    pack.add_argument("--skip-bad", action="store_true", help="leave bad files out; exit code 1 if any")
    pack.add_argument("--rank", type=int, metavar="R", help="make shards R, R + W, ...; then missing ones")
    pack.add_argument(
        "--world",
        type=positive,
        metavar="W",
        help="processes in all (R and W also from Slurm, torchrun, ...)",
    )
    pack.add_argument(
        "--finalise", action="store_true", help="write the manifest of a folder that is complete"
    )
    pack.add_argument(
        "--repair",
        action="store_true",
        help="make damaged shards of a packed folder anew: --repair DIR [IMAGES]",
    )
    pack.add_argument("--engine", choices=("local", "ray"), default="local")
    pack.add_argument("--workers", type=positive, metavar="N", help="of engine ray (default: the cluster)")
    pack.add_argument("--plan", action="store_true", help="only say what would be done")
    pack.add_argument("--threads", default="auto", help="CPU threads, a number or 'auto' (default)")
    pack.add_argument("--format", choices=("text", "json"), default="text")


def seconds(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 1e6:
        raise argparse.ArgumentTypeError(f"must be 0 to 1000000, got {text}")
    return number


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, got {number}")
    return number


def main(arguments: Sequence[str] | None = None) -> int:
    parser = make_parser()
    given = list(sys.argv[1:] if arguments is None else arguments)
    end = given.index("--") if given[:1] == ["advise"] and "--" in given else len(given)
    args = parser.parse_args(given[:end])
    if args.command == "advise":
        args.arguments = given[end + 1 :]
    if args.version:
        import stoker

        print("stoker", stoker.__version__)
        return OK
    if args.command is None:
        parser.print_help(sys.stderr)
        return USAGE
    try:
        if args.command == "doctor":
            from stoker.doctor import doctor

            return FINDINGS if doctor(args.format, args.folder) else OK
        if args.command == "profile":
            return profile(args)
        if args.command == "bench" and args.other is not None:
            from stoker.profiling.command import run_bench

            return FINDINGS if run_bench(args) else OK
        if args.command == "bench":
            from stoker.bench import bench

            bench(
                args.folder, args.size, args.batch_size, args.threads, args.rounds, args.images, args.format
            )
            return OK
        if args.command == "stats":
            return stats(args)
        if args.command == "advise":
            return advise(args)
        if args.command in ("pack", "verify"):
            return pack_or_verify(args)
        from stoker.demo import demo

        return OK if demo(args.folder, args.images, args.rounds, args.steps, args.only_images) else FINDINGS
    except (ValueError, TypeError) as error:
        print(f"stoker {args.command}: {error}", file=sys.stderr)
        return USAGE
    except OSError as error:
        print(f"stoker {args.command}: {error}", file=sys.stderr)
        return IO_ERROR
    except KeyboardInterrupt:
        return 130


def profile(args: argparse.Namespace) -> int:
    from stoker.profiling.command import run_profile
    from stoker.profiling.script import ScriptFailed

    try:
        return FINDINGS if run_profile(args) else OK
    except ScriptFailed as failed:
        traceback.print_exception(failed.__cause__)
        return FINDINGS


def stats(args: argparse.Namespace) -> int:
    from stoker.errors import SampleError
    from stoker.statistics.command import run_command

    try:
        findings = run_command(args)
    except SampleError as error:
        print(f"stoker stats: {error}", file=sys.stderr)
        return FINDINGS
    return FINDINGS if findings else OK


def advise(args: argparse.Namespace) -> int:
    from stoker.advising.command import run_advise
    from stoker.errors import SampleError, ShardError
    from stoker.profiling.script import ScriptFailed

    try:
        return run_advise(args)
    except ScriptFailed as failed:
        traceback.print_exception(failed.__cause__)
        return FINDINGS
    except (SampleError, ShardError) as error:
        print(f"stoker advise: {error}", file=sys.stderr)
        return FINDINGS if isinstance(error, SampleError) else IO_ERROR


def pack_or_verify(args: argparse.Namespace) -> int:
    from stoker.errors import SampleError, ShardError
    from stoker.packing.command import run_pack, run_verify

    try:
        findings = run_pack(args) if args.command == "pack" else run_verify(args)
    except (SampleError, ShardError) as error:
        print(f"stoker {args.command}: {error}", file=sys.stderr)
        return FINDINGS if isinstance(error, SampleError) else IO_ERROR
    except ImportError as error:
        print(f"stoker {args.command}: {error}", file=sys.stderr)
        return USAGE
    return FINDINGS if findings else OK


if __name__ == "__main__":
    sys.exit(main())
