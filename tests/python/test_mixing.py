"""MixUp and CutMix of `stoker.Loader` on finished batches: torchvision's pixels and labels, keyed draws."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torchvision_schemas
from parity import parity_row

import stoker
from stoker.mixing import mixed

torchvision_schemas.define_missing()
torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")
stats = pytest.importorskip("scipy.stats")

from torchvision.transforms import v2  # noqa: E402

COUNT, CLASSES = 23, 5
IMAGES = np.random.default_rng(0).integers(0, 256, (COUNT, 6, 7, 3), np.uint8)
LABELS = np.arange(COUNT) % CLASSES
LIBRARY = f"torchvision {torchvision.__version__}"
BOTH = [stoker.MixUp(CLASSES), stoker.CutMix(CLASSES)]


def loader(**arguments: Any) -> stoker.Loader:
    given = {"batch_size": 4, "seed": 5, "threads": 0, "mix": BOTH, "shuffle": True, **arguments}
    return stoker.Loader(stoker.arrays(IMAGES, LABELS), **given)


def random() -> np.random.RandomState:
    return np.random.RandomState(0)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "float64"])
@pytest.mark.parametrize("count", [1, 2, 7])
@pytest.mark.parametrize("name", ["MixUp", "CutMix"])
def test_as_torchvision_with_its_parameters(name: str, count: int, dtype: str) -> None:
    ours, theirs = getattr(stoker, name)(CLASSES), getattr(v2, name)(num_classes=CLASSES)
    labels = torch.from_numpy(np.random.default_rng(count).integers(0, CLASSES, count))
    made = np.random.default_rng(1).normal(0, 2, (count, 3, 20, 31))
    batch = torch.from_numpy(made).to(getattr(torch, dtype))
    for seed in range(20):
        torch.manual_seed(seed)
        params = theirs.make_params([batch])
        expected = theirs.transform(batch, {"labels": labels, "batch_size": count, **params})
        soft = theirs.transform(labels, {"labels": labels, "batch_size": count, **params})
        draw = {"lam": params.get("lam", params.get("lam_adjusted"))}
        draw |= dict(zip(("x1", "y1", "x2", "y2"), params.get("box", ()), strict=False))
        for layout in ("chw", "hwc"):
            images = batch if layout == "chw" else batch.permute(0, 2, 3, 1)
            images = images.clone(memory_format=torch.contiguous_format)
            found = ours.apply(images, labels.numpy(), draw, layout)
            assert torch.equal(images if layout == "chw" else images.permute(0, 3, 1, 2), expected)
            assert found.dtype == np.float32
            assert torch.equal(torch.from_numpy(found), soft)
    parity_row(f"{name} of batches", LIBRARY, dtype, 0.0, 0.0, 0.0)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("lam", [0.3, 0.999, 1e-4, 0.0])
def test_every_half(dtype: str, lam: float) -> None:
    """Subnormal numbers, infinities and those that are none, too."""
    bits = torch.arange(-(2**15), 2**15).to(torch.int16)
    batch = torch.stack([bits, bits.roll(12345), bits.flip(0)]).view(getattr(torch, dtype))[:, None, None]
    expected = v2.MixUp(num_classes=1).transform(batch, {"labels": None, "batch_size": 3, "lam": lam})
    images = batch.clone()
    stoker.MixUp(1).apply(images, np.zeros(3, np.int64), {"lam": lam}, "chw")
    assert torch.equal(images.isnan(), expected.isnan())
    assert torch.equal(images.nan_to_num(0).view(torch.int16), expected.nan_to_num(0).view(torch.int16))


def test_probabilities_as_labels() -> None:
    soft = np.random.default_rng(2).dirichlet(np.ones(CLASSES), 6).astype(np.float32)
    theirs = v2.MixUp()
    given = torch.from_numpy(soft)
    expected = theirs.transform(given, {"labels": given, "batch_size": 6, "lam": 0.3})
    found = stoker.MixUp().apply(np.zeros((6, 1, 2, 2), np.float32), soft, {"lam": 0.3}, "chw")
    assert torch.equal(torch.from_numpy(found), expected)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 2.5])
def test_draws_as_torchvision(alpha: float) -> None:
    torch.manual_seed(3)
    source, theirs = random(), v2.CutMix(alpha=alpha, num_classes=CLASSES)
    image = torch.zeros(2, 3, 40, 57)
    ours = [stoker.CutMix(CLASSES, alpha).draw(source, 40, 57) for _ in range(2000)]
    params = [theirs.make_params([image]) for _ in range(2000)]
    for i, name in enumerate(("x1", "y1", "x2", "y2")):
        found = stats.ks_2samp([draw[name] for draw in ours], [each["box"][i] for each in params])
        assert found.pvalue > 1e-4, name
    lams = [stoker.MixUp(CLASSES, alpha).draw(source, 40, 57)["lam"] for _ in range(2000)]
    assert stats.ks_2samp(lams, stats.beta(alpha, alpha).rvs(2000, random_state=1)).pvalue > 1e-4


def test_a_batch_is_the_plain_one_mixed() -> None:
    kinds = set()
    for (images, soft), (plain, labels) in zip(loader(), loader(mix=None), strict=True):
        rolled = np.roll(plain, 1, axis=0)
        lam = soft[0, labels[0]] if labels[0] != labels[-1] else 1.0
        is_cut = bool(((images == plain) | (images == rolled)).all())
        kinds.add(is_cut)
        assert soft.shape == (len(labels), CLASSES)
        assert np.allclose(soft.sum(1), 1)
        assert is_cut or lam == 1.0 or np.allclose(images, lam * plain + (1 - lam) * rolled, atol=1e-3)
    assert kinds == {True, False}


def epoch(made: stoker.Loader) -> list[bytes]:
    return [np.ascontiguousarray(images).tobytes() + soft.tobytes() for images, soft in made]


def test_follows_from_seed_epoch_and_samples_alone() -> None:
    first = epoch(loader())
    assert first == epoch(loader(threads=3, prefetch=4))
    assert first != epoch(loader(seed=6))
    again = loader()
    assert epoch(again) == first
    assert epoch(again) != first  # the next epoch
    ranks = [[soft for _, soft in loader(rank=rank, world_size=2, batch_size=2)] for rank in range(2)]
    assert not np.array_equal(ranks[0][0].max(1), ranks[1][0].max(1))


def test_resumes() -> None:
    whole = epoch(loader())
    broken = loader()
    iterator = iter(broken)
    for _ in range(2):
        next(iterator)
    state = json.loads(json.dumps(broken.state_dict()))
    resumed = loader()
    resumed.load_state_dict(state)
    assert epoch(resumed) == whole[2:]
    with pytest.raises(ValueError, match="mix"):
        loader(mix=None).load_state_dict(state)
    with pytest.raises(ValueError, match="mix"):
        loader(mix=stoker.MixUp(CLASSES, alpha=0.3)).load_state_dict(state)


def test_integers_and_layouts() -> None:
    cut = stoker.CutMix(CLASSES)
    chw = list(loader(mix=cut, dtype="uint8"))
    hwc = list(loader(mix=cut, dtype="uint8", layout="hwc"))
    for (one, soft), (other, same) in zip(chw, hwc, strict=True):
        assert one.dtype == np.uint8
        assert np.array_equal(one, other.transpose(0, 3, 1, 2))
        assert np.array_equal(soft, same)


def test_bfloat16() -> None:
    for mix in (stoker.MixUp(CLASSES), stoker.CutMix(CLASSES)):
        halves, floats = loader(mix=mix, dtype="bfloat16"), loader(mix=mix)
        for (one, soft), (other, same) in zip(halves, floats, strict=True):
            images = torch.from_dlpack(one)
            assert images.dtype == torch.bfloat16
            assert torch.allclose(images.float(), torch.from_numpy(other), atol=2, rtol=2**-7)
            assert np.array_equal(soft, same)


def test_explains() -> None:
    line = "mix: MixUp(num_classes=5, alpha=1.0) or CutMix(num_classes=5, alpha=1.0) on each finished batch"
    assert line in loader().explain()
    assert "mix:" not in loader(mix=None).explain()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"mix": 3}, TypeError, r"mix must be stoker\.MixUp"),
        ({"mix": "mixup"}, TypeError, "list of them, got 'mixup'"),
        ({"mix": []}, ValueError, "mix is an empty list"),
        ({"shapes": "list"}, ValueError, "mix needs shapes='dense', got 'list'"),
        ({"dtype": "uint8"}, ValueError, "'float32', 'float16' or 'bfloat16', got 'uint8'"),
    ],
)
def test_refused(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        loader(**arguments)


def test_refused_labels_and_arguments() -> None:
    with pytest.raises(ValueError, match="images with labels"):
        stoker.Loader(stoker.arrays(IMAGES), batch_size=2, mix=BOTH)
    with pytest.raises(ValueError, match="a label is 4, allowed are 0 to num_classes - 1 = 3"):
        list(loader(mix=stoker.MixUp(4)))
    with pytest.raises(ValueError, match="num_classes is None"):
        list(loader(mix=stoker.CutMix()))
    with pytest.raises(ValueError, match="images are uint8"):
        list(loader(mix=stoker.MixUp(CLASSES), dtype="auto"))
    with pytest.raises(ValueError, match="C-contiguous and writable"):
        stoker.MixUp(2).apply(np.zeros((2, 3, 4, 4), np.float32)[..., ::2], np.arange(2), {"lam": 1}, "chw")
    draw = {"x1": 0, "y1": 1, "x2": 5, "y2": 2, "lam": 1}
    with pytest.raises(ValueError, match="must lie in images of 4 x 6 pixels"):
        stoker.CutMix(2).apply(np.zeros((2, 3, 6, 4), np.float32), np.arange(2), draw, "chw")
    for alpha in (0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="alpha must be a number above 0"):
            stoker.MixUp(3, alpha)
    with pytest.raises(ValueError, match="num_classes must be"):
        stoker.CutMix(0)
    with pytest.raises(ValueError, match="have 3 classes, num_classes is 2"):
        stoker.MixUp(2).apply(
            np.zeros((1, 1, 1, 1), np.float32), np.ones((1, 3), np.float32), {"lam": 1}, "chw"
        )


def test_both_are_chosen_as_often() -> None:
    cuts = 0
    for number in range(400):
        images = np.arange(8, dtype=np.float32).reshape(2, 1, 2, 2)
        made, _ = mixed(BOTH, images, np.array([0, 1]), "chw", (number,))
        cuts += bool(np.isin(made, np.arange(8)).all())
    assert 150 < cuts < 250
