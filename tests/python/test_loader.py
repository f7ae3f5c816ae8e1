"""stoker.Loader: shapes, order, epochs, what may be kept; threads and instruction sets change nothing."""

from __future__ import annotations

import gc
import hashlib
import itertools
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from images import by_pillow, encode, picture, png, write_folder

import stoker
from stoker import _native

COUNT = 23
TRAIN = [
    stoker.random_resized_crop(20),
    stoker.horizontal_flip(),
    stoker.brightness_contrast(p=0.7),
    stoker.normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    write_folder(folder, COUNT, size=None)
    return folder


@pytest.fixture(scope="module")
def small() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (COUNT, 6, 7, 3), np.uint8)


@pytest.fixture
def vector_targets() -> Iterator[list[str]]:
    info = _native.build_info()
    yield info["targets"]
    _native.force_vector_target(info["target_in_use"])


def digest(batches: Any) -> str:
    """SHA-256 of an epoch's pixels and labels, whatever the batch size."""
    images, labels = hashlib.sha256(), hashlib.sha256()
    for pixels, rows in batches:
        images.update(np.ascontiguousarray(pixels))
        labels.update(np.ascontiguousarray(rows))
    return images.hexdigest() + labels.hexdigest()


# ---- what comes out ----


@pytest.mark.parametrize("layout", ["chw", "hwc"])
@pytest.mark.parametrize("dtype", ["uint8", "float16", "bfloat16", "float32"])
def test_dtype_and_layout(small: np.ndarray, dtype: str, layout: str) -> None:
    torch = pytest.importorskip("torch")
    loader = stoker.Loader(stoker.arrays(small), batch_size=COUNT, dtype=dtype, layout=layout, threads=1)
    images = next(iter(loader))
    tensor = torch.from_dlpack(images)
    assert tensor.dtype == getattr(torch, dtype)
    assert tensor.shape == ((COUNT, 3, 6, 7) if layout == "chw" else (COUNT, 6, 7, 3))
    assert tensor.is_contiguous()
    expected = torch.from_numpy(small.transpose(0, 3, 1, 2) if layout == "chw" else small)
    assert torch.equal(tensor, expected.to(tensor.dtype))
    if dtype != "bfloat16":
        array = np.asarray(images)
        assert array.dtype == dtype
        assert array.ctypes.data == tensor.data_ptr()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_float_dtypes_are_rounded_from_float32_once(small: np.ndarray, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    normalize = stoker.normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    loader = stoker.Loader(
        stoker.arrays(small), [normalize], batch_size=COUNT, dtype=dtype, layout="hwc", threads=1
    )
    exact = torch.from_numpy(np.stack([np.asarray(normalize.apply(image)) for image in small]))
    assert torch.equal(torch.from_dlpack(next(iter(loader))), exact.to(getattr(torch, dtype)))


def test_auto_dtype_is_what_the_operators_make(small: np.ndarray) -> None:
    for operators, dtype in [
        ([], "uint8"),
        ([stoker.to_float()], "float32"),
        ([stoker.horizontal_flip()], "uint8"),
    ]:
        assert (
            next(iter(stoker.Loader(stoker.arrays(small), operators, batch_size=2, dtype="auto"))).dtype
            == dtype
        )


def test_nothing_is_copied_to_numpy_or_torch(small: np.ndarray) -> None:
    torch = pytest.importorskip("torch")
    images = next(iter(stoker.Loader(stoker.arrays(small), batch_size=4)))
    assert isinstance(images, np.ndarray)
    assert not images.flags.owndata
    tensor = torch.from_dlpack(images)
    assert tensor.data_ptr() == images.ctypes.data == np.asarray(images).ctypes.data
    tensor.fill_(7)
    assert (images == 7).all()


def test_images_equal_the_operators_applied_one_by_one(root: Path) -> None:
    source = stoker.folder(root)
    loader = stoker.Loader(source, TRAIN, batch_size=5, seed=9, layout="hwc")
    loader.set_epoch(4)
    images = np.concatenate([np.asarray(batch) for batch, _ in loader])
    for index in range(COUNT):
        pixels = by_pillow(Path(source.path(index)).read_bytes())
        for place, operator in enumerate(TRAIN):
            draw = operator.draw(*pixels.shape, seed=9, epoch=4, index=index, path=place)
            pixels = np.asarray(operator.apply(pixels, draw))
        assert np.array_equal(images[index], pixels), index


def test_a_folder_of_small_png_without_any_operator(tmp_path: Path) -> None:
    paths = write_folder(tmp_path, 10, size=(32, 32), form="PNG")
    batches = list(stoker.Loader(stoker.folder(tmp_path), batch_size=4, dtype="uint8", layout="hwc"))
    assert [len(labels) for _, labels in batches] == [4, 4, 2]
    for image, path in zip(np.concatenate([images for images, _ in batches]), paths, strict=True):
        assert np.array_equal(image, by_pillow(path.read_bytes()))


def test_one_image_a_batch_may_have_any_size(root: Path) -> None:
    source = stoker.folder(root)
    for index, (images, _) in enumerate(
        stoker.Loader(source, batch_size=1, dtype="uint8", layout="hwc", threads=2)
    ):
        assert np.array_equal(images[0], by_pillow(Path(source.path(index)).read_bytes()))


def test_shapes_that_differ_are_an_error_that_names_the_remedy(root: Path) -> None:
    for threads in (0, 2):
        loader = stoker.Loader(stoker.folder(root), batch_size=5, threads=threads)
        with pytest.raises(stoker.SampleError, match=r"resize\(\(height, width\)\).*shapes='list'") as raised:
            next(iter(loader))
        assert raised.value.code == "shape"
        assert raised.value.step == "batch"


def test_shapes_that_differ_come_as_lists_on_request(root: Path) -> None:
    source = stoker.folder(root)
    loader = stoker.Loader(source, batch_size=5, shapes="list", dtype="uint8", layout="hwc")
    images = list(itertools.chain.from_iterable(batch for batch, _ in loader))
    assert len(images) == COUNT
    for index, image in enumerate(images):
        assert np.array_equal(image, by_pillow(Path(source.path(index)).read_bytes()))


def test_unchanged_color_gives_lists_of_different_channels(tmp_path: Path) -> None:
    grey, rgba = tmp_path / "a.png", tmp_path / "b.png"
    grey.write_bytes(encode(picture(9, 8, 1), "PNG"))
    rgba.write_bytes(encode(picture(9, 8, 4), "PNG"))
    loader = stoker.Loader(
        stoker.files([grey, rgba]), batch_size=2, color="unchanged", shapes="list", dtype="uint8"
    )
    assert [image.shape for image in next(iter(loader))] == [(1, 9, 8), (4, 9, 8)]


def test_colors(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    pixels = picture(9, 8)
    path.write_bytes(png(pixels.astype(int), 2))
    for color, expected in [("rgb", pixels), ("bgr", pixels[..., ::-1]), ("unchanged", pixels)]:
        loader = stoker.Loader(stoker.files([path]), batch_size=1, color=color, dtype="uint8", layout="hwc")
        assert np.array_equal(next(iter(loader))[0], expected)


# ---- how many and in what order ----


@pytest.mark.parametrize(
    ("batch_size", "drop_last"),
    [(1, False), (4, False), (4, True), (23, True), (24, False), (24, True), (10**6, False)],
)
def test_len_and_drop_last(small: np.ndarray, batch_size: int, drop_last: bool) -> None:
    loader = stoker.Loader(stoker.arrays(small, np.arange(COUNT)), batch_size=batch_size, drop_last=drop_last)
    batches = list(loader)
    assert len(batches) == len(loader) == (COUNT // batch_size if drop_last else -(-COUNT // batch_size))
    labels = [label for _, rows in batches for label in rows]
    assert labels == list(range(COUNT // batch_size * batch_size if drop_last else COUNT))
    assert all(len(images) == len(rows) for images, rows in batches)
    iterator = iter(loader)
    for taken in range(len(loader)):
        assert len(iterator) == len(loader) - taken
        next(iterator)


def labels_of(loader: stoker.Loader) -> list[int]:
    return [int(label) for _, rows in loader for label in rows]


def test_shuffle_is_a_permutation_of_seed_and_epoch_alone(small: np.ndarray) -> None:
    source = stoker.arrays(small, np.arange(COUNT))
    orders = set()
    for seed, epoch in itertools.product((0, 1, 2**64 - 1), (0, 1, 5)):
        loader = stoker.Loader(source, batch_size=4, shuffle=True, seed=seed)
        loader.set_epoch(epoch)
        order = labels_of(loader)
        assert sorted(order) == list(range(COUNT))
        other = stoker.Loader(source, batch_size=7, shuffle=True, seed=seed, threads=2, drop_last=False)
        other.set_epoch(epoch)
        assert labels_of(other) == order
        orders.add(tuple(order))
    assert len(orders) == 9
    assert labels_of(stoker.Loader(source, batch_size=4)) == list(range(COUNT))


# Degrees of freedom to the value that chi-square exceeds once in 1,000 times.
CHI_SQUARE = {9: 27.9, 11: 31.3, 16: 39.3, 19: 43.8, 49: 85.4, 55: 93.2, 225: 296.3, 239: 312.3}


def chi_square(counts: np.ndarray) -> float:
    expected = counts.sum() / counts.size
    return float(((counts - expected) ** 2 / expected).sum())


@pytest.mark.parametrize("size", [4, 5, 8, 16])
def test_shuffle_favours_no_place_and_no_neighbours(size: int) -> None:
    places, pairs = np.zeros((size, size)), np.zeros((size, size))
    for epoch in range(4000):
        order = np.array(_native.Order(3, epoch, size).indices(0, size))
        places[np.arange(size), order] += 1
        pairs[order[:-1], order[1:]] += 1
    assert chi_square(places) < CHI_SQUARE[(size - 1) ** 2]
    assert chi_square(pairs[~np.eye(size, dtype=bool)]) < CHI_SQUARE[size * (size - 1) - 1]


def test_shuffle_gives_every_permutation_alike() -> None:
    orders = [tuple(_native.Order(5, epoch, 4).indices(0, 4)) for epoch in range(4800)]
    counts = np.array([orders.count(each) for each in itertools.permutations(range(4))])
    assert chi_square(counts) < 49.7  # 23 degrees of freedom


def test_only_a_complete_pass_moves_the_epoch_on(small: np.ndarray) -> None:
    loader = stoker.Loader(stoker.arrays(small, np.arange(COUNT)), batch_size=5, shuffle=True)
    first = labels_of(loader)
    assert loader.epoch == 1
    next(iter(loader))
    assert loader.epoch == 1
    iterator = iter(loader)
    for _ in range(len(loader) - 1):
        next(iterator)
    assert loader.epoch == 1
    next(iterator)
    assert loader.epoch == 2
    loader.set_epoch(0)
    assert labels_of(loader) == first
    assert labels_of(loader) != first


def test_set_epoch_during_a_pass_holds_for_the_next(small: np.ndarray) -> None:
    loader = stoker.Loader(stoker.arrays(small), batch_size=5)
    for _ in loader:
        loader.set_epoch(7)
    assert loader.epoch == 7


def test_a_new_epoch_draws_anew(root: Path) -> None:
    loader = stoker.Loader(stoker.folder(root), TRAIN, batch_size=5)
    first = digest(loader)
    assert digest(loader) != first
    loader.set_epoch(0)
    assert digest(loader) == first


# ---- the same bits, whoever computes them ----

CHAINS = {
    "train": TRAIN,
    "opencv": [
        stoker.random_resized_crop(20, resampler="opencv", interpolation="bicubic"),
        stoker.vertical_flip(),
    ],
    "validation": [stoker.resize(30), stoker.center_crop(25), stoker.to_float(), stoker.normalize(0.5, 0.25)],
    "jitter": [
        stoker.color_jitter(brightness=(0.2, 2), contrast=(0.2, 2)),
        stoker.resize((17, 19)),
        stoker.random_crop(16, padding=2, fill=9),
    ],
}


@pytest.mark.parametrize("chain", CHAINS)
def test_threads_batch_size_and_instruction_set_change_nothing(
    root: Path, chain: str, vector_targets: list[str]
) -> None:
    def epoch(**options: Any) -> str:
        loader = stoker.Loader(
            stoker.folder(root),
            CHAINS[chain],
            shuffle=True,
            seed=5,
            dtype="auto",
            **{"batch_size": 4, "threads": 1, **options},
        )
        return digest(loader)

    expected = epoch()
    for threads in (0, 2, 3, 8, "auto"):
        assert epoch(threads=threads) == expected, threads
    for batch_size in (1, 3, 23, 100):
        assert epoch(batch_size=batch_size, threads=2) == expected, batch_size
    for target in vector_targets:
        _native.force_vector_target(target)
        assert epoch() == expected, target


def test_a_run_may_be_broken_off_anywhere(small: np.ndarray) -> None:
    source = stoker.arrays(small, np.arange(COUNT))
    loader = stoker.Loader(source, [stoker.random_crop(4)], batch_size=3, shuffle=True, threads=2)
    whole = [images.copy() for images, _ in loader]
    for stop in range(len(loader)):
        loader.set_epoch(0)
        for place, (images, _) in enumerate(loader):
            assert np.array_equal(images, whole[place])
            if place == stop:
                break


# ---- what may be kept ----


def test_batches_that_are_kept_stay_as_they_are(small: np.ndarray) -> None:
    source = stoker.arrays(np.concatenate([small] * 20))
    loader = stoker.Loader(source, batch_size=8, dtype="uint8", layout="hwc", threads=2)
    everything = np.concatenate(list(loader))
    assert np.array_equal(everything, np.concatenate([small] * 20))
    kept, expected = [], []
    for place, images in enumerate(loader):
        if place % 3 == 0:
            kept.append(images[5] if len(images) > 5 else images[0])  # one image holds its batch
            expected.append(kept[-1].copy())
        del images
    for _ in loader:
        pass
    gc.collect()
    assert all(np.array_equal(a, b) for a, b in zip(kept, expected, strict=True))


def test_a_tensor_holds_its_batch(small: np.ndarray) -> None:
    torch = pytest.importorskip("torch")
    every = np.concatenate([small] * 20)
    tensors = []
    for images in stoker.Loader(stoker.arrays(every), batch_size=8, dtype="uint8", layout="hwc", threads=2):
        tensors.append(torch.from_dlpack(images))
        del images
    assert np.array_equal(torch.cat(tensors).numpy(), every)


def test_batches_outlive_the_loader(small: np.ndarray) -> None:
    batches = list(stoker.Loader(stoker.arrays(small), batch_size=8, dtype="uint8", layout="hwc"))
    gc.collect()
    assert np.array_equal(np.concatenate(batches), small)


def test_a_buffer_is_used_again_once_it_is_let_go(small: np.ndarray) -> None:
    loader = stoker.Loader(stoker.arrays(np.concatenate([small] * 20)), batch_size=8, threads=1)
    addresses = set()
    for images in loader:
        addresses.add(images.ctypes.data)
        del images
    assert len(addresses) <= 8


# ---- several at a time ----


def test_two_loaders_and_nested_loaders(small: np.ndarray) -> None:
    source = stoker.arrays(small, np.arange(COUNT))
    outer = stoker.Loader(source, batch_size=4, threads=2)
    inner = stoker.Loader(source, batch_size=6, shuffle=True, threads="auto")
    for (_, a), (_, b) in zip(outer, stoker.Loader(source, batch_size=4, threads=1), strict=True):
        assert np.array_equal(a, b)
    for _ in outer:
        assert sorted(labels_of(inner)) == list(range(COUNT))


def test_a_new_iterator_ends_the_one_before(small: np.ndarray) -> None:
    loader = stoker.Loader(stoker.arrays(small, np.arange(COUNT)), batch_size=4, threads=1)
    old = iter(loader)
    next(old)
    new = iter(loader)
    assert list(next(new)[1]) == [0, 1, 2, 3]
    with pytest.raises(RuntimeError, match="closed or iterated anew"):
        next(old)
    del old
    gc.collect()
    assert [int(label) for _, rows in new for label in rows] == list(range(4, COUNT))
    assert list(new) == []


def test_close_and_go_on(small: np.ndarray) -> None:
    with stoker.Loader(stoker.arrays(small, np.arange(COUNT)), batch_size=4, threads=2) as loader:
        iterator = iter(loader)
        next(iterator)
        loader.close()
        with pytest.raises(RuntimeError, match="closed or iterated anew"):
            next(iterator)
        assert labels_of(loader) == list(range(COUNT))
        loader.close()
        loader.close()


@pytest.mark.parametrize("threads", [0, 2])
def test_several_python_threads_share_an_iterator(root: Path, threads: int) -> None:
    loader = stoker.Loader(stoker.folder(root), TRAIN, batch_size=1, threads=threads)
    expected = sorted(labels_of(loader))
    iterator = iter(loader)
    seen: list[int] = []
    problems: list[BaseException] = []

    def take() -> None:
        try:
            for _, rows in iterator:
                seen.extend(int(label) for label in rows)
        except BaseException as problem:
            problems.append(problem)

    takers = [threading.Thread(target=take) for _ in range(4)]
    for taker in takers:
        taker.start()
    for taker in takers:
        taker.join(30)
    assert problems == []
    assert sorted(seen) == expected


# ---- what it tells ----


def test_explain_says_what_is_fused_and_what_not_and_what_it_costs(root: Path) -> None:
    text = stoker.Loader(stoker.folder(root), TRAIN, batch_size=4, threads=3, dtype="float16").explain()
    for word in (
        "random_resized_crop",
        "horizontal_flip",
        "brightness_contrast",
        "normalize",
        "threads: 3 CPU",
        "memory",
        "float16",
        "20 x 20 x 3",
    ):
        assert word in text, text
    assert "not fused" not in text
    chain = [stoker.brightness_contrast(), stoker.resize((9, 9))]
    text = stoker.Loader(stoker.folder(root), chain, batch_size=4, threads=0).explain()
    assert "not fused: resize interpolates values that come after a table" in text
    assert "threads: none" in text


def test_counters_have_the_documented_names(root: Path) -> None:
    loader = stoker.Loader(stoker.folder(root), TRAIN, batch_size=4, threads=2)
    list(loader)
    counters = loader.counters()
    assert set(counters) == {
        *(
            "threads",
            "fetch_cpu_ns",
            "fetch_wall_ns",
            "fetch_wall_p50_ns",
            "fetch_wall_p95_ns",
            "fetch_wall_p99_ns",
            "steps",
            "islands",
            "active_threads",
            "decode_cpu_ns",
            "transform_cpu_ns",
            "store_cpu_ns",
            "samples",
            "decode_routes",
            "bytes_read",
        ),
        *("batches", "errors", "replaced", "skipped", "consumer_wait_ns", "ready_bytes", "ready_batches"),
    }
    names = {"wall_ns", "starved_ns", "busy_ns", "blocked_ns", "parked_ns", "off_cpu_ns", "unattributed_ns"}
    assert 1 <= len(counters["threads"]) <= 2  # one may not have been needed
    assert all(set(thread) == names for thread in counters["threads"])
    assert counters["samples"] == COUNT
    assert counters["batches"] == len(loader)
    assert counters["errors"] == counters["replaced"] == counters["skipped"] == 0
    assert counters["bytes_read"] == sum(path.stat().st_size for path in root.glob("*/*"))
    assert counters["decode_cpu_ns"] > 0
    assert counters["store_cpu_ns"] > 0
    page = Path(__file__).parents[2] / "docs" / "counters.md"
    if page.exists():
        assert [name for name in (set(counters) | names) if f"`{name}`" not in page.read_text()] == []


@pytest.mark.parametrize("is_slow_trainer", [False, True])
def test_the_time_of_every_thread_is_accounted_for(tmp_path: Path, is_slow_trainer: bool) -> None:
    paths = write_folder(tmp_path, 12, size=(300, 400))
    loader = stoker.Loader(
        stoker.files(paths * 40), [stoker.random_resized_crop(64)], batch_size=16, threads=2
    )
    end = time.monotonic() + 1.2
    while time.monotonic() < end:
        for _ in loader:
            if is_slow_trainer:
                time.sleep(0.05)
            if time.monotonic() > end:
                counters = loader.counters()
                break
        else:
            counters = loader.counters()
    for thread in counters["threads"]:
        assert thread["wall_ns"] > 0
        # Between two readings of the clock a crowded machine may take the core away.
        slack_ns = 0.05 * thread["wall_ns"] + 1e8
        assert thread["unattributed_ns"] <= slack_ns
        assert thread["off_cpu_ns"] <= thread["busy_ns"]
        parts = sum(thread[name] for name in ("starved_ns", "busy_ns", "blocked_ns", "unattributed_ns"))
        assert parts == pytest.approx(thread["wall_ns"], abs=slack_ns)
        if is_slow_trainer:
            assert thread["blocked_ns"] > thread["starved_ns"]
    if not is_slow_trainer:
        steps = sum(counters[name] for name in ("decode_cpu_ns", "transform_cpu_ns", "store_cpu_ns"))
        on_cpu = sum(thread["busy_ns"] - thread["off_cpu_ns"] for thread in counters["threads"])
        assert 0.85 * on_cpu <= steps <= 1.15 * on_cpu  # scaled up from those that were timed


# ---- wrong arguments ----

WRONG = [
    (TypeError, "batch_size", [None, 2.0, "2", True, np.array([2])]),
    (ValueError, "batch_size", [0, -1]),
    (TypeError, "seed", [None, 1.5, "1"]),
    (ValueError, "seed", [-1, 2**64]),
    (TypeError, "threads", [None, 2.0, True]),
    (ValueError, "threads", [-1, 1025, "two", ""]),
    (TypeError, "dtype", [None, np.float32, 3]),
    (ValueError, "dtype", ["float64", "FLOAT32", ""]),
    (TypeError, "layout", [None, 3]),
    (ValueError, "layout", ["CHW", "nchw"]),
    (TypeError, "color", [None]),
    (TypeError, "decoder", [None]),
    (ValueError, "decoder", ["own", "libjpeg"]),
    (ValueError, "color", ["RGB", "grey"]),
    (TypeError, "exif", [None, True]),
    (ValueError, "exif", ["Apply"]),
    (TypeError, "on_error", [None, True]),
    (ValueError, "on_error", ["ignore"]),
    (TypeError, "max_bad", [None, "0.1", True, [0.1]]),
    (ValueError, "max_bad", [-1, -0.1, float("nan"), float("inf"), 1e30]),
    (TypeError, "shapes", [None]),
    (ValueError, "shapes", ["ragged"]),
]


@pytest.mark.parametrize(
    ("error", "name", "value"), [(error, name, value) for error, name, values in WRONG for value in values]
)
def test_a_wrong_argument_is_named(small: np.ndarray, error: type[Exception], name: str, value: Any) -> None:
    before = threading.active_count()
    with pytest.raises(error, match=name) as raised:
        stoker.Loader(stoker.arrays(small), **{"batch_size": 2, name: value})
    assert type(raised.value) is error
    assert threading.active_count() == before


@pytest.mark.parametrize("epoch", [None, -1, 1.5, "1", 2**32, 2**70])
def test_a_wrong_epoch_is_named(small: np.ndarray, epoch: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="epoch"):
        stoker.Loader(stoker.arrays(small), batch_size=2).set_epoch(epoch)


@pytest.mark.parametrize(
    "operators",
    [[None], ["resize"], [stoker.resize], [[stoker.resize(8)]], "resize", None, 3, stoker.resize(8)],
)
def test_wrong_operators_are_named(small: np.ndarray, operators: Any) -> None:
    with pytest.raises(TypeError, match="operators"):
        stoker.Loader(stoker.arrays(small), operators, batch_size=2)


@pytest.mark.parametrize("source", [None, "folder", ["a.jpg"], np.zeros((2, 3, 4, 3), np.uint8)])
def test_a_wrong_source_is_named(source: Any) -> None:
    with pytest.raises(
        TypeError,
        match=r"source must come from stoker\.folder, stoker\.files, stoker\.arrays or stoker\.shards",
    ):
        stoker.Loader(source, batch_size=2)


IMPOSSIBLE = [
    ([stoker.normalize(0.5, 0.5), stoker.resize(8)], {}, "resize: works on uint8 images"),
    ([stoker.normalize(0.5, 0.5), stoker.color_jitter()], {}, "works on uint8 images"),
    ([stoker.normalize((0.5, 0.5), (0.5, 0.5))], {}, "2 channels, the images have 3"),
    ([stoker.normalize(0.5, 0.5)], {"dtype": "uint8"}, "uint8"),
    ([stoker.to_float(), stoker.to_float()], {}, "to_float: works on uint8"),
]


@pytest.mark.parametrize(("operators", "options", "text"), IMPOSSIBLE)
def test_a_chain_that_cannot_work_is_refused_at_once(
    small: np.ndarray, operators: Any, options: Any, text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        stoker.Loader(stoker.arrays(small), operators, batch_size=2, **options)


def test_a_loader_is_made_again_with_changes(root: Path) -> None:
    with stoker.Loader(stoker.folder(root), [stoker.resize((16, 16))], batch_size=3, threads=1) as loader:
        with loader.made_with(threads=2, prefetch=5) as other:
            assert other.given == {**loader.given, "threads": 2, "prefetch": 5}
            assert "5 batches begun" in other.explain()
            assert "2 batches begun" in loader.explain()
            for ours, theirs in zip(loader, other, strict=True):
                np.testing.assert_array_equal(ours[0], theirs[0])
        with pytest.raises(ValueError, match="prefetch must be an integer from 1 to 1024"):
            loader.made_with(prefetch=0)
