"""Steps in Python between native operators, in stoker.Loader."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from images import write_folder

import stoker


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_folder(tmp_path_factory.mktemp("photos"), 24, (40, 52), "PNG")


def loaded(paths: list[Path], operators: list[Any], *, batch_size: int = 4, **options: Any) -> list[Any]:
    options = {"threads": 2, "dtype": "auto", "layout": "hwc", **options}
    with stoker.Loader(stoker.files(paths), operators, batch_size=batch_size, **options) as loader:
        return list(loader)


def inverted(image: np.ndarray) -> np.ndarray:
    return 255 - image


def noisy(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return image ^ rng.integers(0, 256, image.shape, np.uint8)


class Squares:
    """Keeps count of its calls, as objects do."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, image: np.ndarray) -> np.ndarray:
        self.calls += 1
        return image[:20, :20]


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_stands_between_native_operators(paths: list[Path], threads: int) -> None:
    """Crops and flips before and after it, a table fused on either side."""
    crop, flip = stoker.random_crop((30, 36)), stoker.horizontal_flip(p=0.5)
    native = [
        crop,
        stoker.invert_img(p=1),
        flip,
        stoker.solarize(threshold=99, p=1),
        stoker.normalize(0.5, 0.2),
    ]
    mixed = [
        crop,
        stoker.in_python(inverted),
        flip,
        stoker.solarize(threshold=99, p=1),
        stoker.normalize(0.5, 0.2),
    ]
    expected = np.concatenate(loaded(paths, native, seed=3))
    assert expected.dtype == np.float32
    np.testing.assert_array_equal(np.concatenate(loaded(paths, mixed, seed=3, threads=threads)), expected)


def test_gives_another_size_and_dtype(paths: list[Path]) -> None:
    def shrink(image: np.ndarray) -> np.ndarray:
        return image[::2, ::2, :1].astype(np.float32) / 255  # a view with gaps, then another dtype

    whole = np.concatenate(loaded(paths, []))
    (made,) = loaded(paths, [stoker.in_python(shrink), stoker.vertical_flip(p=1)], batch_size=24)
    assert made.dtype == np.float32
    np.testing.assert_array_equal(made, (whole[:, ::2, ::2, :1].astype(np.float32) / 255)[:, ::-1])


def test_its_seed_follows_from_the_sample_alone(paths: list[Path]) -> None:
    steps = [stoker.in_python(noisy), stoker.horizontal_flip(p=0.5), stoker.in_python(noisy, p=0.5)]
    first = np.concatenate(loaded(paths, steps, seed=5))
    for options in ({"threads": 0}, {"threads": 1}, {"threads": 3, "batch_size": 5}):
        np.testing.assert_array_equal(np.concatenate(loaded(paths, steps, seed=5, **options)), first)
    assert (np.concatenate(loaded(paths, steps, seed=6)) != first).any()
    plain = np.concatenate(loaded(paths, []))
    masks = (first[0] ^ plain[0], first[1] ^ plain[1])
    assert (masks[0] != masks[1]).any()


def test_is_drawn_for_with_its_probability(paths: list[Path]) -> None:
    plain = np.concatenate(loaded(paths, []))
    made = np.concatenate(loaded(paths, [stoker.in_python(inverted, p=0.5)], seed=1))
    is_inverted = [bool((each == 255 - before).all()) for each, before in zip(made, plain, strict=True)]
    assert 4 < sum(is_inverted) < 20
    assert all(
        (each == before).all() for each, before, yes in zip(made, plain, is_inverted, strict=True) if not yes
    )


def test_stands_within_groups(paths: list[Path]) -> None:
    either = stoker.one_of([stoker.in_python(inverted), stoker.vertical_flip(p=1)])
    plain = np.concatenate(loaded(paths, []))
    made = np.concatenate(loaded(paths, [either], seed=2))
    kinds = {
        "inverted"
        if (each == 255 - before).all()
        else "flipped"
        if (each == before[::-1]).all()
        else "neither"
        for each, before in zip(made, plain, strict=True)
    }
    assert kinds == {"inverted", "flipped"}


def test_an_object_is_copied_for_each_thread(paths: list[Path]) -> None:
    squares = Squares()
    (made,) = loaded(paths, [stoker.in_python(squares)], batch_size=24)
    assert made.shape == (24, 20, 20, 3)
    assert squares.calls == 0
    loaded(paths, [stoker.in_python(squares)], threads=0)
    assert squares.calls == 24


def test_what_cannot_be_copied_is_called_in_turns(paths: list[Path]) -> None:
    class Alone(Squares):
        def __init__(self) -> None:
            super().__init__()
            self.inside = 0
            self.most_inside = 0

        def __call__(self, image: np.ndarray) -> np.ndarray:
            self.inside += 1
            self.most_inside = max(self.most_inside, self.inside)
            time.sleep(0.001)
            self.inside -= 1
            return super().__call__(image)

        def __deepcopy__(self, memo: Any) -> Any:
            raise TypeError("there is only one")

    alone = Alone()
    loaded(paths, [stoker.in_python(alone)], threads=4)
    assert alone.calls == 24
    assert alone.most_inside == 1


def test_threads_of_python_work_side_by_side(paths: list[Path]) -> None:
    """What lets go of Python's lock holds nobody up: two calls are inside at once."""
    meeting = threading.Barrier(2, timeout=20)

    def meet(image: np.ndarray) -> np.ndarray:
        meeting.wait()
        return image

    assert len(loaded(paths, [stoker.in_python(meet)], threads=2)) == 6


def failing(paths: list[Path]) -> Callable[[np.ndarray], np.ndarray]:
    """Raises on one picture of them."""
    third = np.concatenate(loaded(paths, []))[2]

    def check(image: np.ndarray) -> np.ndarray:
        if (image == third).all():
            raise LookupError("this one will not do\nreally")
        return image

    return check


@pytest.mark.parametrize("threads", [0, 2])
def test_an_error_names_sample_step_and_line(paths: list[Path], threads: int) -> None:
    with pytest.raises(stoker.SampleError) as caught:
        loaded(paths, [stoker.in_python(failing(paths))], threads=threads)
    error = caught.value
    assert (error.code, error.index) == ("python", 2)
    assert error.path == str(sorted(paths)[2])
    assert error.step is not None and error.step.endswith("check")
    assert "LookupError: this one will not do" in error.errors[0]["found"]
    assert 'raise LookupError("this one will not do' in (error.hint or "")
    assert "islands.py" not in (error.hint or "")
    assert str(error).count("LookupError") >= 2  # what was found, and where


def test_errors_follow_the_policy(paths: list[Path]) -> None:
    step = stoker.in_python(failing(paths))
    plain = np.concatenate(loaded(paths, []))
    replaced = np.concatenate(loaded(paths, [step], on_error="replace", max_bad=1))
    np.testing.assert_array_equal(replaced[2], plain[3])
    skipped = np.concatenate(loaded(paths, [step], on_error="skip", max_bad=1))
    np.testing.assert_array_equal(skipped, np.delete(plain, 2, axis=0))


@pytest.mark.parametrize(
    ("function", "found"),
    [
        (lambda image: None, "NoneType"),
        (lambda image: image.astype(np.float64), "float64"),
        (lambda image: image[:0], "sides must be"),
        (lambda image: image[None], "4 axes"),
        (lambda image: [image], "list"),
    ],
)
def test_what_is_no_image_is_a_bad_sample(paths: list[Path], function: Any, found: str) -> None:
    with pytest.raises(stoker.SampleError, match=found):
        loaded(paths, [stoker.in_python(function)])


def test_a_batch_that_cannot_hold_its_result_says_so(paths: list[Path]) -> None:
    step = stoker.in_python(lambda image: image.astype(np.float32))
    with pytest.raises(stoker.SampleError, match=r"float32 after the steps in Python.*uint8"):
        loaded(paths, [step], dtype="uint8")


def test_operators_behind_it_refuse_what_they_cannot_take(paths: list[Path]) -> None:
    step = stoker.in_python(lambda image: image[..., :2])
    with pytest.raises(stoker.SampleError, match="channels"):
        loaded(paths, [step, stoker.to_gray(p=1)])


def test_may_keep_its_image(paths: list[Path]) -> None:
    kept: list[np.ndarray] = []

    def keep(image: np.ndarray) -> np.ndarray:
        kept.append(image)
        return image

    plain = np.concatenate(loaded(paths, []))
    made = np.concatenate(loaded(paths, [stoker.in_python(keep), stoker.invert_img(p=1)], threads=1))
    np.testing.assert_array_equal(made, 255 - plain)
    # In the order in which files were read, some of them for the next epoch already.
    assert {image.tobytes() for image in kept} == {image.tobytes() for image in plain}


def test_counters_and_explain_show_what_it_costs(paths: list[Path]) -> None:
    def spin(image: np.ndarray) -> np.ndarray:
        until = time.thread_time() + 0.002
        while time.thread_time() < until:
            pass
        return image

    steps = [stoker.horizontal_flip(), stoker.in_python(spin)]
    with stoker.Loader(stoker.files(paths), steps, batch_size=8, threads=2) as loader:
        assert "not called yet" in loader.explain()
        loader.prepares_next_epoch = False
        list(loader)
        (island,) = loader.counters()["islands"]
        (step,) = [each for each in loader.counters()["steps"] if each["kind"] == "python"]
        text = loader.explain()
    assert island["name"].endswith("spin")
    assert (island["calls"], island["errors"]) == (24, 0)
    assert island["wall_ns"] >= 24 * 2_000_000
    assert 24 * 2_000_000 <= island["cpu_ns"] < 24 * 20_000_000
    assert (step["name"], step["calls"], step["operators"]) == (island["name"], 24, [1])
    assert "24 calls" in text and "spin runs in Python" in text


def test_masks_and_boxes_pass_it_by(paths: list[Path]) -> None:
    boxes = [np.array([[0.0, 0.0, 10.0, 20.0]]) for _ in paths]
    source = stoker.files(paths, masks=paths, boxes=boxes, box_format="pascal_voc")
    steps = [stoker.horizontal_flip(p=1), stoker.in_python(inverted), stoker.vertical_flip(p=1)]
    native = [stoker.horizontal_flip(p=1), stoker.invert_img(p=1), stoker.vertical_flip(p=1)]
    with (
        stoker.Loader(source, steps, batch_size=24) as mixed,
        stoker.Loader(source, native, batch_size=24) as pure,
    ):
        made, expected = next(iter(mixed)), next(iter(pure))
    assert set(made) == set(expected)
    for name in ("image", "mask"):
        np.testing.assert_array_equal(made[name], expected[name])
    np.testing.assert_array_equal(np.stack(made["boxes"]), np.stack(expected["boxes"]))
    cut = stoker.in_python(lambda image: image[:20])
    with (
        stoker.Loader(source, [cut], batch_size=24) as loader,
        pytest.raises(stoker.SampleError, match="size"),
    ):
        next(iter(loader))


def test_is_refused_where_nobody_would_call_it(paths: list[Path]) -> None:
    step = stoker.in_python(inverted)
    with pytest.raises(ValueError, match="in_python"):
        stoker.compute_statistics(stoker.files(paths), [step])
    with pytest.raises(TypeError, match="callable"):
        stoker.in_python(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="p must be"):
        stoker.in_python(inverted, p=2)


def test_states_know_it_by_name(paths: list[Path]) -> None:
    def other(image: np.ndarray) -> np.ndarray:
        return image

    source = stoker.files(paths)
    with stoker.Loader(source, [stoker.in_python(inverted)], batch_size=4) as loader:
        next(iter(loader))
        state = loader.state_dict()
    with stoker.Loader(source, [stoker.in_python(inverted)], batch_size=4) as again:
        again.load_state_dict(state)
    with stoker.Loader(source, [stoker.in_python(other)], batch_size=4) as third, pytest.raises(ValueError):
        third.load_state_dict(state)


def test_pickles_with_its_function(paths: list[Path]) -> None:
    step = pickle.loads(pickle.dumps(stoker.in_python(inverted)))
    plain = np.concatenate(loaded(paths, []))
    np.testing.assert_array_equal(np.concatenate(loaded(paths, [step])), 255 - plain)


# ---- stopping ----


class Gate:
    """Holds every call up until it is opened."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()

    def __call__(self, image: np.ndarray) -> np.ndarray:
        self.entered.set()
        self.opened.wait(30)
        return image

    def __deepcopy__(self, memo: Any) -> Gate:
        raise TypeError("it is the one")


@pytest.mark.parametrize("how", ["close", "drop", "anew"])
def test_stopping_does_not_wait_for_it(paths: list[Path], how: str) -> None:
    gate = Gate()
    loader = stoker.Loader(stoker.files(paths), [stoker.in_python(gate)], batch_size=4, threads=3)
    iterator = iter(loader)
    assert gate.entered.wait(20)
    begin = time.monotonic()
    if how == "close":
        loader.close()
    elif how == "drop":
        del iterator
    else:
        iterator = iter(loader)
    assert time.monotonic() - begin < 5
    assert loader.bad_samples() == []
    gate.opened.set()
    loader.close()


def test_its_threads_end_with_the_loader(paths: list[Path]) -> None:
    others = set(threading.enumerate())

    def servers() -> list[str]:
        threads = set(threading.enumerate()) - others
        return [each.name for each in threads if each.name.startswith("stoker-python-step")]

    loader = stoker.Loader(stoker.files(paths), [stoker.in_python(inverted)], batch_size=4, threads=3)
    assert servers() == []
    iterator = iter(loader)
    next(iterator)
    assert len(servers()) == 3
    loader.close()
    until = time.monotonic() + 20
    while servers() and time.monotonic() < until:
        time.sleep(0.01)
    assert servers() == []
