"""Question: how far from the best plan is the one that `stoker.advise` takes, and are its predictions right?

For each pipeline, 1 and 2 cores, files warm in the page cache and cold on the disk: the advisor tries some
of the samples and chooses for EPOCHS epochs without a trainer: the quickest loading. Then everything is
done that it weighed: all samples are packed in every form, and whole epochs over every form with every
number of threads are timed in turn, several rounds, in an order drawn anew each round. Regret is the time
in all (preparation and epochs, as measured) of the chosen plan over that of the best plan that may be
chosen, less 1. Plans that change what is trained on count among the predictions only.

Cores of this machine are shared. Rates are those of `stoker.advising.timing`: time in which threads were
ready to run and others had the core is taken off, in trials and in the search alike; how much that was is
printed. A regret is called a miss above 5 %, or above the width between the quartiles of the rates that it
rests on, whichever is larger.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import stoker
from stoker.advising.forms import StoredForm
from stoker.advising.trials import Trials

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "python"))
from images import encode, picture
from make_bands import BANDS, tiff

EPOCHS = 20
BATCH = 16
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
MARK = "<!-- made by bench/advisor.py; not by hand -->"
PAGE = Path(__file__).parents[1] / "docs" / "advisor.md"
ACCEPTED_REGRET, ACCEPTED_ERROR = 0.05, 0.15

# Files of one set that differ; the others are copies.
DISTINCT = 12


@dataclass
class Pipeline:
    name: str
    files: str  # "jpeg", "png" or "tiff"
    size: tuple[int, int]
    count: int
    operators: list
    options: dict

    def write(self, folder):
        folder.mkdir()
        made = [self.encoded(seed) for seed in range(DISTINCT)]
        for index in range(self.count):
            path = folder / f"{index:04}.{self.files}"
            path.write_bytes(made[index % DISTINCT])
            with path.open("rb") as file:
                os.fsync(file.fileno())  # or it could not be put out of the page cache
        return sorted(folder.iterdir())

    def encoded(self, seed):
        if self.files == "tiff":
            y, x = np.mgrid[: self.size[0], : self.size[1]]
            planes = [1000 + 300 * np.sin(x / (5 + c) + seed) + 200 * np.cos(y / 7 + c) for c in range(BANDS)]
            noise = np.random.default_rng(seed).integers(0, 16, (*self.size, BANDS))
            return tiff((np.stack(planes, -1) + noise).astype(np.uint16), is_planar=False, nodata=0)
        pixels = picture(*self.size, seed=seed)
        return encode(pixels, "JPEG", quality=85) if self.files == "jpeg" else encode(pixels, "PNG")

    def loader(self, paths):
        source = stoker.files(paths, np.arange(len(paths)))
        return stoker.Loader(
            source, self.operators, batch_size=BATCH, shuffle=True, seed=1, threads=1, **self.options
        )


def pipelines():
    train = [stoker.random_resized_crop(224), stoker.horizontal_flip(), stoker.normalize(MEAN, STD)]
    costly = [
        stoker.random_resized_crop(192),
        stoker.color_jitter(),
        stoker.elastic_transform(),
        stoker.horizontal_flip(),
        stoker.normalize(MEAN, STD),
    ]
    bands = [
        stoker.random_crop(96),
        stoker.horizontal_flip(),
        stoker.normalize((0.05,) * BANDS, (0.02,) * BANDS),
    ]
    wide = {"color": "unchanged", "image_dtype": "uint16"}
    small = [
        stoker.resize(160),
        stoker.random_crop(144),
        stoker.horizontal_flip(),
        stoker.normalize(MEAN, STD),
    ]
    return [
        Pipeline("small JPEG, cheap", "jpeg", (240, 320), 400, small, {}),
        Pipeline("large JPEG, cheap", "jpeg", (1200, 1600), 160, [stoker.resize(256), *train], {}),
        Pipeline("PNG, expensive", "png", (384, 512), 240, [stoker.resize((224, 224)), *costly], {}),
        Pipeline("PNG, cheap", "png", (384, 512), 240, train, {}),
        Pipeline("13-band TIFF, cheap", "tiff", (128, 128), 240, bands, wide),
    ]


def measured(trial, threads, is_cold):
    """Median rate, its quartile width as a share, and the median share of time that others had the cores."""
    timings = (trial.cold if is_cold else trial.warm)[threads]
    rates = [timing.rate for timing in timings]
    lower, middle, upper = statistics.quantiles(rates, n=4, method="inclusive")
    return middle, (upper - lower) / middle, statistics.median(timing.lost_share for timing in timings)


def search(loader, forms, threads, scratch, rounds):
    """Every form with every number of threads over all samples, and what packing them took."""
    trials = Trials(loader, loader.source, scratch, threads, measures_cold=True)
    tried, preparation = [], {}
    cores = len(os.sched_getaffinity(0))
    for number, form in enumerate(forms):
        cpu = time.process_time()
        tried.append(trials.pack(form, number))
        # Of CPU time, because the neighbours share in wall time; writing is a small part of it here.
        seconds = (time.process_time() - cpu) * form.variants / cores
        preparation[form] = 0.0 if form.form == "as-is" else seconds
    trials.measure(tried, rounds)
    trials.close()
    return tried, preparation


def same_form(plan, form):
    return (plan.form, plan.cut, plan.variants) == (form.form, form.cut, form.variants)


def cell(pipeline, advice, tried, preparation, is_cold):
    """One line of the table: a pipeline, a number of cores, a temperature."""
    totals, widths, lost, errors, plans = {}, {}, [], [], []
    for number, plan in enumerate(advice.plans):
        trial = next(trial for trial in tried if same_form(plan, trial.form))
        if plan.threads not in (trial.cold if is_cold else trial.warm):
            continue
        rate, width, share = measured(trial, plan.threads, is_cold)
        lost.append(share)
        errors.append(plan.rate / rate - 1)
        plans.append({"plan": str(plan), "predicted": plan.rate, "measured": rate, "width": width})
        if not plan.accept or not plan.refused:
            totals[number] = preparation[trial.form] + EPOCHS * pipeline.count / rate
            widths[number] = width
    best = min(totals, key=totals.get)
    regret = totals[advice.chosen] / totals[best] - 1
    width = max(widths[advice.chosen], widths[best])
    right = [error for error in errors if abs(error) <= ACCEPTED_ERROR]
    return {
        "pipeline": pipeline.name,
        "cores": len(os.sched_getaffinity(0)),
        "files": "cold" if is_cold else "warm",
        "plans": plans,
        "chosen": str(advice.plan),
        "best": str(advice.plans[best]),
        "speedup": totals[0] / totals[advice.chosen],
        "regret": regret,
        "width": width,
        "is_miss": regret > max(ACCEPTED_REGRET, width),
        "right": len(right),
        "of": len(errors),
        "median_error": statistics.median(abs(error) for error in errors),
        "lost": statistics.median(lost),
        "advised_s": advice.measured_s,
    }


def run_pipeline(pipeline, cores, scratch, args):
    os.sched_setaffinity(0, cores)
    paths = pipeline.write(scratch / "images")
    lines = []
    with pipeline.loader(paths) as loader:
        advices = {
            is_cold: stoker.advise(
                loader,
                epochs=EPOCHS,
                folder=scratch,
                seconds=args.seconds,
                cache_bytes=0 if is_cold else None,
            )
            for is_cold in (False, True)
        }
        forms = list(dict.fromkeys(
            StoredForm(plan.form, plan.cut, plan.variants) for plan in advices[False].plans
        ))  # fmt: skip
        threads = sorted({plan.threads for plan in advices[False].plans})
        searched = scratch / "searched"
        searched.mkdir()
        tried, preparation = search(loader, forms, threads, str(searched), args.rounds)
        for is_cold, advice in advices.items():
            if is_cold and not any(trial.cold for trial in tried):
                continue
            lines.append(cell(pipeline, advice, tried, preparation, is_cold))
    return lines


def table(lines):
    rows = [
        "| pipeline | cores | files | chosen | best found | gain | regret | quartile width | within 15 % "
        "| median error | time others had |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for line in lines:
        best = "the same" if line["best"] == line["chosen"] else line["best"]
        regret = f"{line['regret']:.1%}" + (" **miss**" if line["is_miss"] else "")
        rows.append(
            f"| {line['pipeline']} | {line['cores']} | {line['files']} | {line['chosen']} | {best} "
            f"| {line['speedup']:.1f} x | {regret} | {line['width']:.1%} | {line['right']} of {line['of']} "
            f"| {line['median_error']:.1%} | {line['lost']:.0%} |"
        )
    return rows


def summary(lines):
    right, of = sum(line["right"] for line in lines), sum(line["of"] for line in lines)
    misses = [line for line in lines if line["is_miss"]]
    within = sum(line["regret"] <= ACCEPTED_REGRET for line in lines)
    accepted, largest = len(lines) - len(misses), max(line["regret"] for line in lines)
    rows = [
        f"Choices: {within} of {len(lines)} within 5 % of the best found; "
        f"{accepted} within 5 % or the quartile width, where that is larger; "
        f"largest regret {largest:.1%}.",
        f"Predictions: {right} of {of} ({right / of:.0%}) within 15 % of what was measured; wanted are 80 %.",
    ]
    far = [
        (line, plan)
        for line in lines
        for plan in line["plans"]
        if abs(plan["predicted"] / plan["measured"] - 1) > ACCEPTED_ERROR
    ]
    if far:
        rows += ["", "Predictions that missed:", ""]
        rows += [
            "| pipeline | cores | files | plan | predicted | measured | off by |",
            "| --- |" + " --- |" * 6,
        ]
        for line, plan in far:
            rows.append(
                f"| {line['pipeline']} | {line['cores']} | {line['files']} | {plan['plan']} "
                f"| {plan['predicted']:.0f}/s | {plan['measured']:.0f}/s "
                f"| {plan['predicted'] / plan['measured'] - 1:+.0%} |"
            )
    return rows


def publish(lines, args):
    made = [
        f"Made on {time.strftime('%Y-%m-%d')}, {platform.machine()}, {os.cpu_count()} cores seen, stoker "
        f"{stoker.__version__}; {EPOCHS} epochs, batches of {BATCH}, {args.rounds} rounds.",
        "",
        *table(lines),
        "",
        *summary(lines),
    ]
    head = PAGE.read_text().split(MARK)[0]
    PAGE.write_text("\n".join([head + MARK, "", *made, ""]))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7, help="of the search (default: 7)")
    parser.add_argument(
        "--seconds", type=float, default=20, help="that the advisor may measure (default: 20)"
    )
    parser.add_argument("--only", help="pipelines whose name contains this")
    parser.add_argument("--folder", help="for images and packed data; on the disk to measure")
    parser.add_argument("--json", metavar="FILE", help="keep all numbers there")
    parser.add_argument("--publish", action="store_true", help="write the tables into docs/advisor.md")
    args = parser.parse_args()
    all_cores = sorted(os.sched_getaffinity(0))
    lines = []
    for pipeline in pipelines():
        if args.only and args.only not in pipeline.name:
            continue
        for cores in [all_cores[:1], all_cores[:2]][: len(all_cores)]:
            with tempfile.TemporaryDirectory(prefix="stoker-bench-", dir=args.folder) as scratch:
                new = run_pipeline(pipeline, cores, Path(scratch), args)
            lines += new
            for line in new:
                print(table([line])[-1], flush=True)
    os.sched_setaffinity(0, all_cores)
    print("\n".join(summary(lines)))
    if args.json:
        Path(args.json).write_text(json.dumps(lines, indent=1))
    if args.publish:
        publish(lines, args)


if __name__ == "__main__":
    main()
