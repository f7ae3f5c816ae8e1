"""Question: what does stoker's JPEG decoder cost beside libjpeg-turbo's, and where does the time go?

Three kinds of JPEGs: the photographs at hand, and made from them 100 x 100 and 4000 x 3000. Of each the
region of a RandomResizedCrop, as in the decode floor, and the whole image. bench/decode.cc compares the
pixels and takes the time: one thread, CPU time, the rows interleaved image by image, the least of all
repetitions.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

# Name, size in pixels or None, every how many photographs, most images, repetitions.
KINDS = [
    ("photographs", None, 1, 1000, 15),
    ("100 x 100", (100, 100), 5, 100, 200),
    ("4000 x 3000", (4000, 3000), 40, 8, 7),
]
FLOOR = "libjpeg-turbo alone"
LIBRARY = "stoker by libjpeg-turbo"
ROWS = [
    ("region", FLOOR),
    ("region", LIBRARY),
    ("region", "stoker"),
    ("whole", FLOOR),
    ("whole", LIBRARY),
    ("whole", "stoker"),
]
PARTS = ["header", "header, skipping of all", "header, entropy decoding of all"]


def resized(files, size, folder):
    """Every third without chroma subsampling, quality 75 and 90 in turn."""
    folder.mkdir()
    made = []
    for number, file in enumerate(files):
        made.append(folder / f"{number}.jpg")
        image = Image.open(file).convert("RGB").resize(size, Image.Resampling.BICUBIC)
        image.save(made[-1], quality=90 if number % 2 else 75, subsampling=0 if number % 3 == 0 else 2)
    return made


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="a folder of JPEGs, searched at any depth")
    parser.add_argument("--program", type=Path, required=True, help="the built stoker_decode")
    parser.add_argument("--every", type=int, default=1, help="take only every n-th photograph")
    parser.add_argument("--json", type=Path, help="write the numbers there too")
    parser.add_argument("--page", type=Path, help="a page whose table is to be replaced")
    args = parser.parse_args()
    files = sorted(p for p in args.data.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg") and p.is_file())
    if not files:
        sys.exit(f"{args.data} holds no .jpg or .jpeg file")
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")
    report = {
        "cpu": cpu,
        "machine": platform.machine(),
        "load_average_before": os.getloadavg(),
        "kinds": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, size, every, most, repetitions in KINDS:
            chosen = files[:: every * args.every][:most]
            if size:
                chosen = resized(chosen, size, Path(folder) / name.replace(" ", ""))
            print(f"{name}: {len(chosen)} images", file=sys.stderr)
            command = [args.program, str(repetitions), *map(str, chosen)]
            answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
            if answer.returncode != 0:
                sys.exit(f"decode: {args.program} ended with exit code {answer.returncode}")
            report["kinds"][name] = json.loads(answer.stdout)
    report["load_average_after"] = os.getloadavg()
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")
    lines = report_lines(report)
    print("\n".join(lines))
    if args.page:
        write_page(lines, args.page)


def report_lines(report):
    kinds = report["kinds"]
    target = next(iter(kinds.values()))["target"]
    lines = [
        f"{report['cpu']}, {target}, one thread; CPU time, least of all repetitions, mean of the images",
        "",
        "| microseconds an image | " + " | ".join(kinds) + " |",
        "| --- |" + " --- |" * len(kinds),
    ]
    for part, system in ROWS:
        cells = []
        for kind in kinds.values():
            us = kind["us"][f"{part}, {system}"]
            cells.append(f"{us:,.1f} ({us / kind['us'][f'{part}, {FLOOR}']:.2f})")
        lines.append(f"| {part}, {system} | " + " | ".join(cells) + " |")
    for part in PARTS:
        lines.append(
            f"| {part} | " + " | ".join(f"{kind['us'][part]:,.1f}" for kind in kinds.values()) + " |"
        )
    lines.append("")
    for name, kind in kinds.items():
        count = kind["images"]
        routes = ", ".join(f"{key[6:]} {value}" for key, value in kind.items() if key.startswith("route "))
        lines.append(
            f"- {name}: {count} images, {kind['bytes'] / count / 1e3:.1f} KB and "
            f"{kind['pixels'] / count / 1e6:.3f} megapixels each; regions are "
            f"{kind['crop_pixels'] / kind['pixels']:.0%} of the area; decoded by: {routes}"
        )
    return lines


def write_page(lines, page):
    """Puts the lines between the marks of a page."""
    begin, end = "<!-- numbers: begin -->\n", "<!-- numbers: end -->"
    text = page.read_text()
    before, after = text.split(begin)[0], text.split(end)[1]
    page.write_text(before + begin + "\n".join(lines) + "\n" + end + after)


if __name__ == "__main__":
    main()
