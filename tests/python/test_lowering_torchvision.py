"""torchvision pipelines as native operators: what is taken over, with which parameters, what not and why."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")

from torchvision import transforms as v1  # noqa: E402
from torchvision.transforms import InterpolationMode, v2  # noqa: E402
from torchvision.tv_tensors import Image, Mask  # noqa: E402

import stoker  # noqa: E402


def steps(*transforms: Any) -> list[tuple[str, dict[str, Any]]]:
    return [
        (step.name, dict(step.parameters))
        for step in stoker.from_transforms(v1.Compose(list(transforms))).steps
    ]


def test_training_recipe() -> None:
    recipe = stoker.from_transforms(
        v1.Compose(
            [
                v1.RandomResizedCrop(224, interpolation=InterpolationMode.BICUBIC),
                v1.RandomHorizontalFlip(0.25),
                v1.ColorJitter(brightness=0.4, contrast=(0.5, 2.0)),
                v1.ToTensor(),
                v1.Normalize((0.5, 0.4, 0.3), (0.2, 0.1, 0.3)),
            ]
        )
    )
    assert [step.name for step in recipe.steps] == [
        "random_resized_crop",
        "horizontal_flip",
        "color_jitter",
        "to_float",
        "normalize",
    ]
    crop, flip, jitter, scale, normalize = (dict(step.parameters) for step in recipe.steps)
    assert crop["size"] == [224, 224]
    assert (crop["resampler"], crop["interpolation"]) == ("pillow", "bicubic")
    assert flip == {"p": 0.25}
    assert jitter == {
        "brightness": [0.6, 1.4],
        "contrast": [0.5, 2.0],
        "saturation": [1.0, 1.0],
        "hue": [0.0, 0.0],
        "arithmetic": "pillow",
    }
    assert scale == {"arithmetic": "divide"}
    assert normalize == {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.1, 0.3]}
    assert (recipe.layout, recipe.dtype) == ("chw", "float32")
    assert [operator.name for operator in recipe.operators] == [step.name for step in recipe.steps]
    assert recipe.report[0] == "RandomResizedCrop: native (random_resized_crop)"
    assert len(recipe.report) == 5


def test_versions_differ_in_the_last_bit_only() -> None:
    assert steps(v1.ToTensor()) == [("to_float", {"arithmetic": "divide"})]
    assert steps(v2.ToImage(), v2.ToDtype(torch.float32, scale=True)) == [
        ("to_float", {"arithmetic": "multiply"})
    ]
    assert steps(v2.ToImage(), v2.ToDtype(torch.float32)) == [("to_float", {"arithmetic": "cast"})]
    assert steps(v1.PILToTensor(), v1.ConvertImageDtype(torch.float32)) == [
        ("to_float", {"arithmetic": "divide"})
    ]
    assert steps(v2.PILToTensor(), v2.ConvertImageDtype()) == [("to_float", {"arithmetic": "multiply"})]


def test_moves_go_in_front_of_arithmetic() -> None:
    names = [
        name
        for name, _ in steps(
            v1.ToTensor(), v1.RandomCrop(3), v1.Normalize([0.5], [0.5]), v1.RandomVerticalFlip()
        )
    ]
    assert names == ["random_crop", "vertical_flip", "to_float", "normalize"]


def test_on_tensors_in_the_arithmetic_of_torch() -> None:
    crop, jitter, *rest = steps(
        v2.ToImage(),
        v2.RandomResizedCrop(32, interpolation=InterpolationMode.BICUBIC),
        v2.ColorJitter(0.3),
        v2.RandomHorizontalFlip(),
        v2.ToDtype(torch.float32, scale=True),
    )
    assert (crop[1]["resampler"], crop[1]["interpolation"]) == ("torch", "bicubic")
    assert jitter[1]["arithmetic"] == "torch"
    assert [name for name, _ in rest] == ["horizontal_flip", "to_float"]
    ((_, resize),) = steps(v1.PILToTensor(), v1.Resize(32, InterpolationMode.NEAREST_EXACT))
    assert (resize["resampler"], resize["interpolation"]) == ("torch_rounded", "nearest_exact")


def test_warps_of_tensors_take_any_fill() -> None:
    for of, rule in ((v1, "torch_v1"), (v2, "torch")):
        made = steps(
            of.PILToTensor(),
            of.RandomAffine(5, fill=(0.5, 7, 255)),
            of.ConvertImageDtype(torch.float32),
            of.RandomRotation(9, fill=-2.5),
            of.RandomPerspective(),
            of.RandomHorizontalFlip(),
        )
        names = [name for name, _ in made]
        assert names == [
            "random_affine",
            "to_float",
            "random_rotation",
            "random_perspective",
            "horizontal_flip",
        ]
        warps = [made[i][1] for i in (0, 2, 3)]
        assert [warp["arithmetic"] for warp in warps] == [rule] * 3
        assert [warp["fill"] for warp in warps] == [[0.5, 7.0, 255.0], [-2.5], [0.0]]
    ((_, unfilled),) = steps(v2.PILToTensor(), v2.RandomAffine(5, fill=None))
    assert unfilled["fill"] == []


def test_nothing_passes_a_resize_of_floats() -> None:
    made = steps(v1.ToTensor(), v1.Resize((30, 40)), v1.RandomCrop(20), v1.Normalize([0.5], [0.5]))
    assert [name for name, _ in made] == ["to_float", "resize", "random_crop", "normalize"]
    assert made[1][1]["resampler"] == "torch"


def test_moves_stay_behind_what_does_not_commute() -> None:
    made = steps(v1.ToTensor(), v1.RandomErasing(), v1.RandomCrop(20), v1.Normalize([0.5], [0.5]))
    assert [name for name, _ in made] == ["to_float", "random_erasing", "random_crop", "normalize"]


@pytest.mark.parametrize("of", [v1, v2])
def test_choices(of: Any) -> None:
    recipe = stoker.from_transforms(
        of.Compose(
            [
                of.RandomApply([of.ColorJitter(0.3), of.RandomInvert(p=1)], p=0.8),
                of.RandomChoice([of.RandomCrop(9), of.CenterCrop(9)], p=[3, 1]),
                of.RandomOrder([of.RandomHorizontalFlip(), of.RandomVerticalFlip()]),
                of.PILToTensor(),
            ]
        )
    )
    assert [step.name for step in recipe.steps] == ["sequence", "one_of", "random_order"]
    apply, choice, order = (dict(step.options) for step in recipe.steps)
    assert apply == {"p": 0.8, "takes_all": True}
    assert [weight / sum(choice["weights"]) for weight in choice["weights"]] == [0.75, 0.25]
    assert (order["least"], order["most"], order["keeps_order"]) == (2, 2, False)
    assert "RandomCrop: native (random_crop)" in recipe.report
    assert recipe.is_fixed_shape
    recipe.operators  # noqa: B018  # the engine takes them


def test_padding_is_left_top_right_bottom_in_both_versions() -> None:
    for version in (v1, v2):
        for given, expected in ((3, [3]), ((3, 5), [3, 5]), ([1, 2, 3, 4], [1, 2, 3, 4])):
            (_, crop), *_ = steps(version.RandomCrop(8, given), v1.ToTensor())
            sides = crop["padding"]
            assert [sides[i % len(sides)] for i in range(4)] == [
                expected[i % len(expected)] for i in range(4)
            ]


def test_dtype_by_kind_of_image() -> None:
    kinds = {Image: torch.float32, Mask: torch.int64, "others": None}
    assert steps(v2.ToImage(), v2.ToDtype(kinds)) == [("to_float", {"arithmetic": "cast"})]
    assert steps(v2.PILToTensor(), v2.ToDtype(kinds)) == []


def test_nothing_to_do() -> None:
    assert steps(v2.Identity(), torch.nn.Identity(), v1.ColorJitter(), v2.ToImage(), v2.ToPureTensor()) == []


def test_later_changes_of_a_transform_count() -> None:
    resize = v1.Resize(5)
    resize.size = (7, 8)
    assert steps(resize, v1.ToTensor())[0][1]["size"] == [7, 8]


REFUSED = [
    ([v1.ToTensor(), v1.ColorJitter(hue=0.1)], "ColorJitter: on a tensor"),
    ([v1.TenCrop(3), v1.ToTensor()], "TenCrop: no native operator"),
    ([v1.RandomErasing(), v1.ToTensor()], "RandomErasing: on a PIL image"),
    ([v1.ToTensor(), v1.ColorJitter(0.3)], "ColorJitter: on a tensor"),
    (
        [v2.ToImage(), v2.ToDtype(torch.float16, scale=True), v2.RandomAffine(5)],
        "RandomAffine: on a tensor of float16",
    ),
    ([v1.PILToTensor(), v1.RandomRotation(5, fill=300)], "RandomRotation: fill=300"),
    ([v2.PILToTensor(), v2.RandomAffine(5, fill={torch.Tensor: 3})], "RandomAffine: fill for each type"),
    ([v1.ToTensor(), v1.RandomRotation(5, InterpolationMode.BICUBIC)], "RandomRotation: interpolation="),
    (
        [v2.ToImage(), v2.ToDtype(torch.float16, scale=True), v2.Resize(3)],
        "Resize: on a tensor of float16",
    ),
    ([v1.RandomCrop(3, 1, padding_mode="reflect"), v1.ToTensor()], "RandomCrop: padding_mode='reflect'"),
    ([v1.RandomCrop(3, 1, fill=300), v1.ToTensor()], "RandomCrop: fill=300"),
    ([v1.ToTensor(), v1.Normalize([0.5], [0.5]), v1.RandomCrop(5, 1)], "RandomCrop: padding of a float"),
    ([v1.ToTensor(), v1.RandomCrop(5, 1, fill=1)], "RandomCrop: padding of a float"),
    ([v2.ToImage(), v2.ToDtype(torch.int32)], "ToDtype: dtype torch.int32"),
    (
        [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.ToDtype(torch.uint8, scale=True)],
        "float32 to uint8",
    ),
    ([v2.PILToTensor(), v2.Normalize([0.5], [0.5])], "Normalize: on uint8"),
    (
        [v2.ToImage(), v2.ToDtype(torch.float16, scale=True), v2.Normalize([0.5], [0.5])],
        "Normalize: on float16",
    ),
    ([v1.ToTensor(), v1.Normalize([0.5, 0.5], [0.5])], "Normalize: .*2 values"),
    ([v1.ToTensor(), v1.Normalize([0.5], [0.0])], "Normalize: std is 0"),
    ([v1.Normalize([0.5], [0.5])], "Normalize: on a PIL image"),
    ([v1.RandomApply([v1.TenCrop(3)]), v1.ToTensor()], "RandomApply: TenCrop: no native operator"),
    ([v2.RandomApply([v2.ToImage()])], "RandomApply: ToImage: changes the kind of image by chance"),
    ([v2.RandomChoice([v2.Identity(), v2.RandomInvert()]), v1.ToTensor()], "RandomChoice: a transform in it"),
    ([v1.Resize(3)], "ends with a PIL image"),
    ([v1.ToTensor(), len, 3], "int: user code; it cannot be called"),
]


@pytest.mark.parametrize(("transforms", "reason"), REFUSED)
def test_refused(transforms: list[Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        steps(*transforms)


def test_every_reason_is_named() -> None:
    with pytest.raises(ValueError, match=r"TenCrop: .*; FiveCrop: .*; Lambda: ") as caught:
        steps(v1.TenCrop(3), v1.Resize(3), v1.FiveCrop(3), v1.ToTensor(), v1.Lambda(len))
    assert len(caught.value.reasons) == 3


def test_a_refused_pipeline_reports_every_leaf() -> None:
    pipeline = v1.Compose([v1.Resize(3), v1.TenCrop(3), v1.ToTensor(), v1.Normalize((0.5,), (0.1,))])
    recipe = stoker.from_transforms(pipeline)
    assert [line.partition(" (")[0] for line in recipe.report] == [
        "Resize: native",
        "TenCrop: not native: no native operator",
        "ToTensor: native",
        "Normalize: native",
    ]
    assert recipe.refusals == ["TenCrop: no native operator"]


def test_what_no_leaf_is_to_blame_for() -> None:
    recipe = stoker.from_transforms(v1.Compose([v1.RandomHorizontalFlip()]))
    assert recipe.report[0].startswith("RandomHorizontalFlip: native")
    assert recipe.report[-1].endswith("it ends with a PIL image; add ToTensor or PILToTensor")


def test_what_stays_in_python_stands_where_it_is_written() -> None:
    class Resize(v1.Resize):
        pass

    odd = v1.Resize(4, antialias=False)
    recipe = stoker.from_transforms(
        v1.Compose([v1.Resize(3), Resize(3), v1.CenterCrop(2), v1.ToTensor(), len, v1.RandomCrop(1), odd])
    )
    names = [step.name for step in recipe.steps]
    assert names == [
        "resize",
        "in_python",
        "center_crop",
        "to_float",
        "in_python",
        "random_crop",
        "in_python",
    ]
    assert recipe.dtype == "auto"
    assert not recipe.is_fixed_shape
    assert [line for line in recipe.report if "in Python" in line] == [
        "Resize: in Python: user code",
        "len: in Python: user code",
        "Resize: in Python: antialias=False on a tensor",
    ]


def test_patched_class_is_not_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(v1.CenterCrop, "forward", lambda self, image: image)
    recipe = stoker.from_transforms(v1.Compose([v1.CenterCrop(3), v1.ToTensor()]))
    assert recipe.report[0] == "CenterCrop: in Python: a method is replaced"


def test_something_else_altogether() -> None:
    for other in (None, 3, "resize"):
        with pytest.raises(ValueError, match=r"None|user code"):
            list(stoker.from_transforms(other).operators)
