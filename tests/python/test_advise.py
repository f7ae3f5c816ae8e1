"""stoker.advise: legal cuts, plans and limits, what apply() makes, and what it says of its predictions."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from images import encode, picture, write_folder

import stoker
from stoker.advising import advice as advice_module
from stoker.advising.choosing import thread_counts
from stoker.advising.forms import StoredForm, legal_cuts, stored_forms
from stoker.advising.subset import spread_by_size, subset
from stoker.advising.timing import Timing
from stoker.advising.trials import Trials
from stoker.profiling import Profile
from stoker.profiling.record import Loader, Point, Quantiles, Samples, Scaling, Trainer, Verdict

COUNT = 24
TRAIN = [
    stoker.resize((40, 40)),
    stoker.gaussian_blur(sigma_limit=(1, 1), blur_limit=(3, 3), p=1.0),
    stoker.random_crop(32),
    stoker.horizontal_flip(),
    stoker.normalize((0.5,), (0.25,)),
]
QUICK: dict[str, Any] = {"seconds": 0.01, "epochs": 5}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("advise")
    write_folder(folder, COUNT, size=(48, 64))
    return folder


@pytest.fixture
def loader(root: Path) -> Iterator[stoker.Loader]:
    with stoker.Loader(
        stoker.folder(root), TRAIN[:1] + TRAIN[2:], batch_size=4, shuffle=True, seed=3, threads=1
    ) as made:
        yield made


@pytest.fixture(scope="module")
def advised(root: Path) -> Iterator[stoker.Advice]:
    """Of a loader that only this fixture's users may apply."""
    with stoker.Loader(
        stoker.folder(root), TRAIN[:1] + TRAIN[2:], batch_size=4, shuffle=True, seed=3, threads=1
    ) as made:
        yield stoker.advise(made, **QUICK)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stoker.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def number_of(advice: stoker.Advice, **wanted: Any) -> int:
    """The first plan with these attributes."""
    return next(
        number
        for number, plan in enumerate(advice.plans)
        if all(getattr(plan, name) == value for name, value in wanted.items())
    )


# ---- what is legal ----


def test_cuts_end_before_the_first_operator_that_draws(loader: stoker.Loader) -> None:
    assert legal_cuts(loader, subset(loader.source, range(3))).legal == [0, 1]


def test_cuts_end_before_floats(root: Path) -> None:
    steps = [
        stoker.resize((20, 20)),
        stoker.center_crop(16),
        stoker.to_float(),
        stoker.horizontal_flip(p=1.0),
    ]
    with stoker.Loader(stoker.folder(root), steps, batch_size=2, threads=1) as given:
        assert legal_cuts(given, subset(given.source, range(3))).legal == [0, 1, 2]


def test_an_operator_that_hides_its_draws_is_found_by_two_seeds(loader: stoker.Loader) -> None:
    cuts = legal_cuts(loader, subset(loader.source, range(6)), is_random=lambda operator: False)
    assert cuts.legal == [0, 1]
    assert "operator 1, random_crop, gives other pixels with another seed" in cuts.findings[0]


def test_forms_of_a_pipeline(loader: stoker.Loader) -> None:
    cuts = legal_cuts(loader, subset(loader.source, range(3)))
    forms = stored_forms(loader, cuts, epochs=5)
    assert [(form.form, form.cut, form.variants) for form in forms] == [
        ("as-is", 0, 1),
        ("source", 0, 1),
        ("raw", 0, 1),
        ("raw", 1, 1),
        ("npy", 1, 1),
        ("jpeg", 1, 1),
    ]
    assert [form.form for form in forms if form.needs_consent] == ["jpeg"]
    assert any(level == "note" and "lossy" in text for level, text in forms[-1].messages)


def test_frozen_draws_need_consent_unless_every_epoch_has_its_own(root: Path) -> None:
    steps = [stoker.random_resized_crop(24), stoker.gaussian_blur(p=1.0), stoker.horizontal_flip()]
    with stoker.Loader(stoker.folder(root), steps, batch_size=2, threads=1) as given:
        cuts = legal_cuts(given, subset(given.source, range(3)))
        assert cuts.legal == [0]
        few, many = (stored_forms(given, cuts, epochs=epochs)[-1] for epochs in (5, 90))
    assert (few.variants, few.cut, few.needs_consent) == (5, 2, False)
    assert (many.variants, many.cut, many.needs_consent) == (8, 2, True)
    assert many.messages[0][0] == "caution" and "8 distinct views" in many.messages[0][1]


def test_packed_data_are_not_packed_again(loader: stoker.Loader, tmp_path: Path) -> None:
    stoker.pack(loader.source, tmp_path / "packed", loader.operators)
    with loader.made_with(stoker.shards(tmp_path / "packed")) as packed:
        advice = stoker.advise(packed, **QUICK)
    assert {plan.form for plan in advice.plans} == {"as-is"}
    with pytest.raises(ValueError, match="packed"):
        stoker.pack(packed.source, tmp_path / "again", loader.operators)


# ---- which samples ----


def test_samples_of_a_trial_have_the_mean_size_of_all(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    sizes = (random.lognormal(9, 1, 400)).astype(int)
    paths = [tmp_path / f"{index:03}.jpg" for index in range(len(sizes))]
    for path, size in zip(paths, sizes, strict=True):
        path.write_bytes(bytes(int(size)))
    source = stoker.files(paths)
    chosen = spread_by_size(source, 80)
    assert len(set(chosen)) == 80
    assert np.mean(sizes[chosen]) == pytest.approx(np.mean(sizes), rel=0.1)
    assert spread_by_size(source, 1000) == list(range(400))


def test_a_subset_keeps_masks_and_arrays(tmp_path: Path) -> None:
    for name in ("image", "mask"):
        for index in range(4):
            (tmp_path / f"{name}{index}.png").write_bytes(encode(picture(8, 8, seed=index), "PNG"))
    images, masks = ([tmp_path / f"{name}{index}.png" for index in range(4)] for name in ("image", "mask"))
    part = subset(stoker.files(images, [0, 1, 2, 3], masks=masks), [1, 3])
    assert [part.path(0), part.path(1)] == [str(images[1]), str(images[3])]
    assert part.fields == [("image", "image"), ("mask", "mask")]
    pixels = np.arange(4 * 6 * 6 * 3, dtype=np.uint8).reshape(4, 6, 6, 3)
    np.testing.assert_array_equal(subset(stoker.arrays(pixels), [2, 0]).tables["image"], pixels[[2, 0]])


# ---- advice ----


def test_advice_predicts_every_plan(advised: stoker.Advice) -> None:
    plans = advised.plans
    assert (plans[0].form, plans[0].threads) == ("as-is", 1)
    assert {plan.form for plan in plans} == {"as-is", "source", "raw", "npy", "jpeg"}
    for plan in plans:
        assert plan.rate > 0 and plan.step_ms == pytest.approx(4e3 / plan.rate)
        assert (plan.disk_bytes > 0) == (plan.preparation_s > 0) == plan.is_prepared
        assert plan.memory_bytes > 2 * 4 * 32 * 32 * 3 * 4
    raw = plans[number_of(advised, form="raw", cut=1)]
    assert raw.disk_bytes == pytest.approx(COUNT * 40 * 40 * 3, rel=0.3)
    assert raw.operators_done == ["resize(size=(40, 40))"]
    best = min((plan for plan in plans if not plan.refused), key=lambda plan: plan.total_s)
    assert advised.plan.total_s <= 1.05 * best.total_s


def test_advice_is_json_and_text(advised: stoker.Advice) -> None:
    again = json.loads(json.dumps(advised.to_dict()))
    assert again["format"] == "stoker-advice-1"
    assert len(again["plans"]) == len(advised.plans)
    assert again["plans"][again["chosen"]]["form"] == advised.plan.form
    assert again["situation"]["samples"] == COUNT
    text = str(advised)
    assert text.startswith(advised.why)
    assert "  > " in text and "samples/s" in text


def test_what_changes_training_is_offered_with_its_warning(advised: stoker.Advice) -> None:
    jpeg = [plan for plan in advised.plans if plan.form == "jpeg"]
    assert all(plan.refused for plan in jpeg)
    assert not advised.plan.accept
    for plan in advised.offered:
        assert plan.accept and plan.messages and f"accept=['{plan.accept}']" in str(advised)


def test_limits_are_kept(loader: stoker.Loader) -> None:
    advice = stoker.advise(loader, disk_bytes=1000, **QUICK)
    assert not advice.plan.is_prepared
    assert all("of disk" in plan.refused for plan in advice.plans if plan.is_prepared)


def test_a_fed_trainer_is_left_alone(loader: stoker.Loader) -> None:
    advice = stoker.advise(loader, lambda batch: time.sleep(0.05), **QUICK)
    assert advice.is_fed and advice.does_nothing
    assert advice.why.startswith("Do nothing: the trainer takes ")
    assert advice.situation["trainer_rate"] < 4 / 0.05 + 1
    assert advice.apply(steps=3) is loader
    assert advice.outcome is not None and advice.outcome.steps == 3


# ---- apply ----


@pytest.mark.parametrize("form", ["as-is", "source", "raw"])
def test_apply_changes_no_pixel(loader: stoker.Loader, tmp_path: Path, form: str) -> None:
    advice = stoker.advise(loader, **QUICK)
    number = number_of(advice, form=form, cut=1 if form == "raw" else 0, threads=1)
    advice.chosen = number if number else number_of(advice, form=form, threads=thread_counts(2)[-1])
    loader.set_epoch(2)
    expected = [(images.copy(), labels.copy()) for images, labels in loader]
    loader.set_epoch(2)
    with advice.apply(tmp_path / "new", steps=5) as new:
        assert new.epoch == 2
        for (images, labels), (ours, our_labels) in zip(new, expected, strict=True):
            np.testing.assert_array_equal(images, ours)
            np.testing.assert_array_equal(labels, our_labels)
    assert advice.outcome is not None and advice.outcome.measured > 0
    assert advice.to_dict()["outcome"]["steps"] == 5
    assert "predicted" in str(advice)


def test_apply_npy_keeps_labels_and_classes(loader: stoker.Loader, tmp_path: Path) -> None:
    advice = stoker.advise(loader, **QUICK)
    advice.chosen = number_of(advice, form="npy")
    with advice.apply(tmp_path / "new", steps=0) as new:
        assert new.source.classes == loader.source.classes
        labels = [labels.copy() for _, labels in new]
    np.testing.assert_array_equal(np.concatenate(labels), np.concatenate([each.copy() for _, each in loader]))
    assert advice.outcome is None


def test_apply_asks_for_a_folder(loader: stoker.Loader) -> None:
    advice = stoker.advise(loader, **QUICK)
    advice.chosen = number_of(advice, form="raw")
    with pytest.raises(ValueError, match="name a folder"):
        advice.apply()


@pytest.mark.parametrize(("factor", "is_right"), [(1.1, True), (0.86, True), (0.8, False), (1.3, False)])
def test_wrong_predictions_are_told_and_corrected(
    loader: stoker.Loader, monkeypatch: pytest.MonkeyPatch, factor: float, is_right: bool
) -> None:
    advice = stoker.advise(loader, **QUICK)
    advice.chosen = 0
    predicted = advice.plan.rate
    timing = Timing(
        samples=1000, wall_s=1000 / (predicted * factor), cpu_s=0, worker_s=0, starved_s=0, blocked_s=0,
        waited_s={}, read_bytes=0, threads=1, cores=1.0,
    )  # fmt: skip
    monkeypatch.setattr(advice_module, "run_steps", lambda *_: (timing, [1.0, 2.0, 3.0]))
    advice.apply()
    outcome = advice.outcome
    assert outcome is not None
    assert outcome.correction == pytest.approx(factor)
    assert outcome.is_as_predicted is is_right
    assert ("off by more than 15%" in str(outcome)) is not is_right
    assert (outcome.refitted is None) is is_right
    if outcome.refitted is not None and outcome.refitted.form == "as-is" and outcome.refitted.threads == 1:
        assert outcome.refitted.rate == pytest.approx(predicted * factor)


# ---- time that others took ----


def timing(**changes: Any) -> Timing:
    values: dict[str, Any] = {
        "samples": 100, "wall_s": 2.0, "cpu_s": 1.0, "worker_s": 0.8, "starved_s": 0.0, "blocked_s": 0.0,
        "waited_s": {}, "read_bytes": 0, "threads": 1, "cores": 2.0,
    }  # fmt: skip
    return Timing(**{**values, **changes})


def test_an_array_on_trial_is_as_large_as_the_whole(loader: stoker.Loader, tmp_path: Path) -> None:
    trials = Trials(loader, subset(loader.source, range(5)), str(tmp_path), [1], measures_cold=False)
    trial = trials.pack(StoredForm("npy", 1), 0)
    assert trial.bytes == pytest.approx(40 * 40 * 3, rel=0.2)
    images = np.load(tmp_path / "form0" / "images.npy")
    assert len(images) == 20  # of 24, and 5 differ
    assert np.array_equal(images[:5], images[15:])
    trials.measure([trial], rounds=1)
    assert 5 <= trial.warm[1][0].samples < 20


def test_waits_for_a_core_are_taken_off() -> None:
    assert timing().free_s == 2.0
    assert timing(waited_s={"stoker-cpu": 0.7}).free_s == pytest.approx(1.3)
    assert timing(waited_s={"stoker-cpu": 0.7}).lost_share == pytest.approx(0.35)
    assert timing(waited_s={"stoker-cpu": 0.7}, threads=2).free_s == pytest.approx(1.65)
    # Readers and the consumer count as far as the threads stood still for them.
    assert timing(waited_s={"stoker-io": 1.0}).free_s == 2.0
    assert timing(waited_s={"stoker-io": 1.0}, starved_s=0.3).free_s == pytest.approx(1.7)
    assert timing(waited_s={"": 1.0}, blocked_s=0.2).free_s == pytest.approx(1.8)
    # The work itself is the least, and the trainer's.
    assert timing(waited_s={"stoker-cpu": 1.9}).free_s == pytest.approx(0.8)
    assert timing(waited_s={"stoker-cpu": 1.9}, cores=1.0).free_s == pytest.approx(1.0)
    assert timing(waited_s={"stoker-cpu": 1.9}, least_s=1.5).free_s == pytest.approx(1.5)
    assert timing(waited_s={"stoker-cpu": 1.0}).rate == pytest.approx(100)


# ---- from a profile ----


def profiled(unit: str, rates: dict[int, float], demand: float | None, **loader: Any) -> Profile:
    points = [Point(threads, rate, None, 100, 1) for threads, rate in rates.items()]
    return Profile(
        loader=Loader(kind="torch", tier="processes", batch_size=8, **loader),
        samples=Samples(dataset_count=1000, batch_bytes_per_sample=100.0),
        verdict=Verdict("decode", "Bound by decode.", 1.5),
        scaling=Scaling(unit, points),
        trainer=None if demand is None else Trainer(Quantiles(), 10, demand, "cached batches"),
    )


@pytest.fixture
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    from stoker.advising import from_profile

    monkeypatch.setattr(from_profile, "usable_cores", lambda: 4.0)


@pytest.mark.usefixtures("four_cores")
def test_a_profile_of_process_loaders_names_their_workers() -> None:
    advice = stoker.advise(profiled("processes", {1: 100, 2: 190, 4: 350}, 180.0, workers=1))
    assert advice.workers is not None
    assert (advice.workers["workers"], advice.workers["prefetch_factor"]) == (2, 2)
    assert advice.why.startswith("Use num_workers=2 and prefetch_factor=2: 180 samples/s instead of 100")
    assert advice.plan.threads == 2
    fed = stoker.advise(profiled("processes", {1: 100, 2: 190, 4: 350}, 90.0, workers=1))
    assert fed.does_nothing and fed.why.startswith("Do nothing")
    with pytest.raises(ValueError, match="came from a profile alone"):
        advice.apply()


@pytest.mark.usefixtures("four_cores")
def test_a_profile_of_threads_names_their_number() -> None:
    advice = stoker.advise(profiled("threads", {1: 100, 2: 200, 4: 400}, None, threads=1))
    assert advice.workers is None
    assert advice.plan.threads == 4
    assert advice.findings == ["Bound by decode."]
    with pytest.raises(ValueError, match="no rates by threads"):
        stoker.advise(profiled("threads", {}, None))


@pytest.mark.usefixtures("four_cores")
def test_a_loader_without_workers_is_compared_as_it_is() -> None:
    def advised_with(demand: float | None) -> stoker.Advice:
        profile = profiled("processes", {1: 115, 2: 230, 4: 460}, demand, workers=0)
        profile.loader.tier = "python"
        profile.loading_samples_per_s = 150.0
        return stoker.advise(profile)

    serial = advised_with(300.0)  # 1 / 150 + 1 / 300 is 1 / 100
    assert (serial.plans[0].threads, serial.plans[0].rate) == (0, pytest.approx(100.0))
    assert str(serial.plans[0]).endswith("0 workers")
    assert serial.workers is not None and serial.workers["now"] == 0
    assert serial.plan.threads == serial.workers["workers"] == 3
    assert serial.why == (
        "Use num_workers=3 and prefetch_factor=2: 300 samples/s instead of 100 with num_workers=0."
    )
    assert advised_with(None).plan.threads == 4  # the faster the better
    fed = advised_with(5.0)
    assert fed.is_fed and fed.does_nothing and fed.plan.threads == 0


# ---- DataLoaders and scripts ----


class Slow:
    """A data set of 48 samples."""

    def __len__(self) -> int:
        return 48

    def __getitem__(self, index: int) -> Any:
        time.sleep(0.001)
        return np.full((4, 4), index, np.float32)


def torch_loader(dataset: Any = None, **options: Any) -> Any:
    data = pytest.importorskip("torch.utils.data")
    return data.DataLoader(Slow() if dataset is None else dataset, **{"batch_size": 8, **options})


@pytest.mark.parametrize("now", [0, 1])
def test_a_torch_loader_is_measured_and_replaced(now: int) -> None:
    seen = []
    loader = torch_loader(num_workers=now)
    advice = stoker.advise(loader, lambda batch: seen.append(len(batch)), seconds=1)
    assert seen and set(seen) == {8}
    assert advice.plans[0].threads == now and advice.workers is not None and advice.workers["now"] == now
    assert {plan.unit for plan in advice.plans} == {"worker"}
    # Whichever this machine would choose, another one is applied.
    advice.chosen, advice.workers["prefetch_factor"] = number_of(advice, threads=2), 3
    new = advice.apply(steps=12)
    assert (new.num_workers, new.prefetch_factor, loader.num_workers) == (2, 3, now)
    assert [float(sample[0, 0]) for batch in new for sample in batch] == list(range(48))
    assert advice.outcome is not None and advice.outcome.steps == 12
    assert advice.outcome.predicted == advice.plan.rate
    assert "Applied: predicted" in str(advice)


def test_the_drop_in_is_advised_on_threads(root: Path) -> None:
    pytest.importorskip("torch")
    from stoker.torch import DataLoader, ImageDataset

    paths = sorted(root.rglob("*.*"))
    loader = DataLoader(ImageDataset([path for path in paths if path.is_file()]), batch_size=4, num_workers=1)
    advice = stoker.advise(loader, seconds=1)
    assert advice.workers is None and {plan.unit for plan in advice.plans} == {"thread"}
    advice.chosen = number_of(advice, threads=2)
    new = advice.apply(steps=4)
    assert (new.threads, loader.threads) == (2, None)
    assert new.explain().startswith("tier: native")
    assert len(list(new)) == len(loader)


SCRIPT = """
import sys, time
import torch
from torch.utils.data import DataLoader, TensorDataset
assert sys.argv[1:] == ["--lr", "0.1"], sys.argv
for epoch in range(3):
    for (batch,) in DataLoader(TensorDataset(torch.zeros(64, 3)), batch_size=8):
        time.sleep(0.001)
"""


def test_a_script_is_advised_on(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    result = run("advise", str(script), "--seconds", "2", "--format", "json", "--", "--lr", "0.1")
    assert result.returncode in (0, 1), result.stderr
    found = json.loads(result.stdout)
    assert found[0]["workers"]["now"] == 0 and found[0]["situation"]["samples"] == 64
    assert result.returncode == int(any(each["chosen"] for each in found))
    result = run("advise", str(script), "--resize", "8")
    assert result.returncode == 2 and "--resize is for packing a folder" in result.stderr
    result = run("advise", str(tmp_path), "--", "--lr")
    assert result.returncode == 2 and "'--lr' is for a script" in result.stderr
    script.write_text("raise KeyError('mine')")
    result = run("advise", str(script))
    assert result.returncode == 1 and "KeyError: 'mine'" in result.stderr


def test_rows_from_memory_leave_nothing_to_choose() -> None:
    torch = pytest.importorskip("torch")
    from stoker.torch import DataLoader

    loader = DataLoader(torch.utils.data.TensorDataset(torch.zeros(64, 3)), batch_size=8, num_workers=2)
    advice = stoker.advise(loader, seconds=1)
    assert (advice.does_nothing, len(advice.plans), advice.situation["samples"]) == (True, 1, 64)
    new = advice.apply(steps=8)
    assert new is loader and len(list(new)) == 8


def test_a_loader_that_works_inside_next_is_compared_with_threads(root: Path) -> None:
    pytest.importorskip("torch")
    from stoker.torch import DataLoader, ImageDataset

    paths = sorted(path for path in root.rglob("*.*") if path.is_file())
    advice = stoker.advise(DataLoader(ImageDataset(paths), batch_size=4), seconds=1)
    assert [plan.threads for plan in advice.plans[:2]] == [0, 1]
    assert {plan.unit for plan in advice.plans} == {"thread"}


# ---- mistakes and the command ----


class OnlyHere(Slow):
    def __getitem__(self, index: int) -> Any:
        from torch.utils.data import get_worker_info

        if get_worker_info() is not None:
            raise RuntimeError("not in a worker")
        return super().__getitem__(index)


def test_data_sets_that_cannot_be_advised_on_say_why() -> None:
    data = pytest.importorskip("torch.utils.data")

    class Stream(data.IterableDataset):
        def __iter__(self) -> Iterator[Any]:
            return (np.zeros(3, np.float32) for _ in range(32))

    with pytest.raises(ValueError, match=r"no rates by threads or workers.*the data set has no length"):
        stoker.advise(torch_loader(Stream()), seconds=1)
    assert stoker.advise(torch_loader(Stream(), num_workers=1), seconds=1).workers is not None
    with pytest.raises(ValueError, match=r"were not measured: RuntimeError: not in a worker\)\.$"):
        stoker.advise(torch_loader(OnlyHere()), seconds=1)


def test_errors_of_the_step_are_its_own(loader: stoker.Loader) -> None:
    def step(batch: Any) -> None:
        raise KeyError("mine")

    for each in (loader, torch_loader()):
        with pytest.raises(KeyError, match="mine"):
            stoker.advise(each, step, seconds=1)


def test_files_that_cannot_be_loaded_are_told(tmp_path: Path) -> None:
    paths = [tmp_path / f"{index}.png" for index in range(6)]
    for path in paths:
        path.write_bytes(b"none")
    steps = [stoker.resize((8, 8))]
    with (
        stoker.Loader(stoker.files(paths), steps, batch_size=2, threads=1) as bad,
        pytest.raises(stoker.SampleError, match="are of no known format"),
    ):
        stoker.advise(bad, **QUICK)
    for path in paths[1:]:
        path.write_bytes(encode(picture(20, 20), "PNG"))
    with stoker.Loader(stoker.files(paths), steps, batch_size=2, threads=1) as given:
        advice = stoker.advise(given, **QUICK)
    assert advice.findings[0].startswith(f"1 of 6 samples cannot be loaded, such as {paths[0]}: ")


def test_long_plans_keep_their_variants_and_threads_in_the_table(advised: stoker.Advice) -> None:
    from stoker.advising.text import _clipped

    steps = ", ".join(f"step{index}" for index in range(20))
    row = _clipped(f"form 'raw' after {steps}, 8 variants, 2 threads", 59)
    assert len(row) <= 59
    assert row.startswith("form 'raw' after step0, ") and row.endswith(" ... 8 variants, 2 threads")


def test_wrong_arguments_are_named(loader: stoker.Loader) -> None:
    with pytest.raises(TypeError, match=r"loader must be a stoker\.Loader"):
        stoker.advise([1, 2])
    with pytest.raises(TypeError, match=r"of any other iterable stoker\.profile says"):
        stoker.advise([1, 2])
    with pytest.raises(TypeError, match="step must be a function"):
        stoker.advise(loader, 3)
    with pytest.raises(
        ValueError, match=r"disk_bytes=5 is for plans that pack.* got a DataLoader\. Leave it"
    ):
        stoker.advise(torch_loader(), disk_bytes=5)
    with pytest.raises(ValueError, match="epochs must be an integer from 1"):
        stoker.advise(loader, epochs=0)
    for name, value, error in (
        ("seconds", float("nan"), ValueError),
        ("seconds", "x", TypeError),
        ("disk_bytes", -1, ValueError),
        ("memory_bytes", True, TypeError),
    ):
        with pytest.raises(error, match=f"advise: {name} must be"):
            stoker.advise(loader, **{name: value})
    with (
        loader.made_with(batch_size=100, drop_last=True) as empty,
        pytest.raises(ValueError, match=r"gives no batch: 24 samples, batch_size=100, drop_last=True"),
    ):
        stoker.advise(empty, **QUICK)
    with pytest.raises(ValueError, match="accept must be a list of 'jpeg', 'variants'"):
        stoker.advise(loader, accept="jpeg")


def test_thread_counts() -> None:
    assert [thread_counts(most) for most in (1, 2, 3, 8, 12)] == [
        [1],
        [1, 2],
        [1, 2, 3],
        [1, 2, 4, 8],
        [1, 2, 4, 8, 12],
    ]


def test_command_prints_json_and_says_by_its_exit_code_whether_to_change(root: Path, tmp_path: Path) -> None:
    (tmp_path / "steps.json").write_text(
        '[{"name": "resize", "parameters": {"size": [24, 24]}}, {"name": "horizontal_flip"}]'
    )
    steps = ["--operators", str(tmp_path / "steps.json")]
    done = run("advise", str(root), *steps, "--seconds", "0.01", "--batch-size", "4", "--format", "json")
    advice = json.loads(done.stdout)
    assert done.returncode == (0 if advice["chosen"] == 0 else 1), done.stderr
    assert advice["plans"][0]["form"] == "as-is"
    assert run("advise", str(root), "--disk", "much").returncode == 2
    assert run("advise", str(tmp_path / "none")).returncode == 3
