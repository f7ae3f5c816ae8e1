"""torchvision's transforms, v1 and v2, on PIL images and tensors, as native operators.

A class is recognised by its exact type; its parameters are read from the object, so that later changes count.
Which reference applies follows from the input: up to ToTensor, PILToTensor or ToImage the image is a PIL
image and Pillow's arithmetic is meant, after that torch's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch

from stoker.lowering import leaves, tensor_warps
from stoker.lowering.leaves.color import for_tensors
from stoker.lowering.recipe import (
    AnyStep,
    GroupStep,
    NotNative,
    PythonStep,
    RecipeBuilder,
    Step,
    numbers,
    own_functions,
    whole_numbers,
)

_INTERPOLATIONS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}
_DTYPES = {
    torch.uint8: "uint8",
    torch.float32: "float32",
    torch.float16: "float16",
    torch.bfloat16: "bfloat16",
}
_OVERRIDES = {"forward", "__call__", "transform", "make_params", "get_params", "_call_kernel", "check_inputs"}
_HOOKS = ("_forward_hooks", "_forward_pre_hooks")

# A native operator exists, but its noise would not be added to the bytes of Pillow images.
_NOT_ALIKE = {"GaussianNoise"}

# Name of the engine's group.
_CHOICES = {"RandomApply": "sequence", "RandomChoice": "one_of", "RandomOrder": "random_order"}

# What is native on tensors too, in torch's arithmetic: by version and dtype.
_ON_ANY = {"GaussianBlur"}
_ON_BYTES = {"RandomInvert", "RandomPosterize", "RandomSolarize", "RandomEqualize"} | _ON_ANY
_ON_BYTES_V2 = {"ColorJitter", "Grayscale", "RandomGrayscale", "RandomAutocontrast", "RandomAdjustSharpness"}
_ON_TENSORS = {
    (False, "uint8"): _ON_BYTES,
    (False, "float32"): _ON_ANY,
    (True, "uint8"): _ON_BYTES | _ON_BYTES_V2,
    (True, "float32"): _ON_ANY,
}
# Of torchvision's own, those that draw nothing and give the kind of image that they get; the random ones draw
# from torch's process-wide generator, so that no two runs would be alike.
_MAY_STAY = {"Lambda", "Resize", "CenterCrop", "Pad", "Grayscale", "LinearTransformation"}

Handler = Callable[[RecipeBuilder, Any, str, bool], None]


def walk(builder: RecipeBuilder, transform: Any) -> None:
    """Adds `transform` and everything in it to `builder`; what is not native is refused there by name."""
    leaf = type(transform).__name__
    is_v2 = type(transform).__module__.startswith("torchvision.transforms.v2.")
    if why := _stranger(transform):
        _stay(builder, transform, why)
    elif leaf in ("Compose", "Sequential"):
        for child in transform.transforms if leaf == "Compose" else transform:
            walk(builder, child)
    else:
        try:
            if leaf in _CHOICES:
                builder.append(_choice(builder, transform, leaf))
            elif leaf in _HANDLERS:
                _HANDLERS[leaf](builder, transform, leaf, is_v2)
            else:
                _on_pixels(builder, transform, leaf, is_v2)
        except NotNative as problem:
            if leaf in _MAY_STAY:
                _stay(builder, transform, str(problem))
            else:
                builder.refuse(leaf, str(problem))


def _stay(builder: RecipeBuilder, transform: Any, why: str) -> None:
    """The transform as a step in Python; refused where that is not possible."""
    name = str(getattr(transform, "__qualname__", type(transform).__name__))
    problem = None
    if not callable(transform):
        problem = "it cannot be called"
    elif builder.dtype not in ("uint8", "float32") or builder.stage == "unknown":
        problem = f"on {builder.dtype}" if builder.stage != "unknown" else "after what is not native"
    if problem is not None or not builder.accepts_python:
        builder.refuse(name, why if problem is None else f"{why}; {problem}")
        return
    from stoker.lowering.python_steps import TorchvisionLeaf

    gets = "pixels" if builder.stage == "pixels" else builder.sample
    builder.stay(PythonStep(TorchvisionLeaf(transform, gets), transform), name, why)


def _choice(builder: RecipeBuilder, transform: Any, leaf: str) -> GroupStep:
    """A group of the engine; every transform in it must leave the kind of image as it is."""
    children: list[AnyStep] = []
    refusals: list[str] = []
    for child in transform.transforms:
        inner = builder.for_part()
        walk(inner, child)
        builder.report += inner.report
        refusals += inner.reasons
        if not inner.reasons and inner.kind != builder.kind:
            refusals.append(f"{type(child).__name__}: changes the kind of image by chance")
        children.append(GroupStep("sequence", {"takes_all": True}, tuple(inner.steps)))
    if refusals:
        raise NotNative("; ".join(refusals))
    if not all(isinstance(child, GroupStep) and child.children for child in children):
        raise NotNative("a transform in it does nothing")
    if leaf == "RandomApply":
        return GroupStep("sequence", {"p": float(transform.p), "takes_all": True}, tuple(children))
    options: dict[str, Any] = {"takes_all": False, "least": 1, "most": 1}
    if leaf == "RandomOrder":
        options |= {"least": len(children), "most": len(children), "keeps_order": False}
    elif transform.p is not None:
        options["weights"] = numbers(transform.p, (len(children),))
    return GroupStep(_CHOICES[leaf], options, tuple(children))


def leaves_of(transform: Any) -> list[Any]:
    """The transforms that `transform` calls one after the other; itself where it calls none."""
    leaf = type(transform).__name__
    if leaf not in ("Compose", "Sequential") or _stranger(transform):
        return [transform]
    children = transform.transforms if leaf == "Compose" else transform
    return [each for child in children for each in leaves_of(child)]


def _stranger(transform: Any) -> str:
    """Why this is not a class of torchvision as it was written; empty where it is."""
    cls = type(transform)
    known = cls in (torch.nn.Identity, torch.nn.Sequential) or (
        cls.__module__.startswith("torchvision.transforms.")
        and getattr(sys.modules[cls.__module__], cls.__qualname__, None) is cls
    )
    if not known:
        return "user code"
    if _OVERRIDES & vars(transform).keys() or not own_functions(cls, cls.__module__.split(".")[0]):
        return "a method is replaced"
    if any(getattr(transform, hooks, None) for hooks in _HOOKS):
        return "a forward hook is registered"
    return ""


def _on_pixels(builder: RecipeBuilder, transform: Any, leaf: str, is_v2: bool) -> None:
    """What the registry knows, in Pillow's arithmetic or in torch's."""
    lowering = leaves.find(leaves.TORCHVISION, leaf)
    if lowering is None or leaf in _NOT_ALIKE:
        raise NotNative("no native operator")
    on_tensor = builder.stage == "tensor" and leaf != "RandomErasing"
    if on_tensor and leaf in tensor_warps.LEAVES:
        step = tensor_warps.lowered(transform, builder.dtype, is_v2)
        builder.append(step)
        builder.note(leaf, f"native ({step.name})")
        return
    if leaf == "RandomErasing":
        _needs_tensor(builder)
    elif on_tensor and leaf not in _ON_TENSORS.get((is_v2, builder.dtype), ()):
        natives = [dtype for dtype in ("uint8", "float32") if leaf in _ON_TENSORS[is_v2, dtype]]
        found = " and ".join(natives) or "PIL images"
        raise NotNative(f"on a tensor of {builder.dtype} (native on {found})")
    lowered = lowering(transform)
    steps = list(lowered) if isinstance(lowered, (list, tuple)) else [lowered]
    if on_tensor:
        steps = [for_tensors(step) for step in steps if isinstance(step, Step)]
    for step in steps:
        builder.append(step)
    builder.note(leaf, f"native ({', '.join(step.name for step in steps) or 'nothing to do'})")


def _needs_pixels(builder: RecipeBuilder) -> None:
    if builder.stage == "tensor":
        raise NotNative("on a tensor (native on PIL images)")


def _resampler(builder: RecipeBuilder, transform: Any, is_v2: bool) -> dict[str, Any]:
    """Whose arithmetic resizes, and how."""
    if builder.stage != "tensor":
        return {"resampler": "pillow", "interpolation": _interpolation(transform.interpolation)}
    kind = transform.interpolation
    name = _INTERPOLATIONS.get(kind) if isinstance(kind, int) else getattr(kind, "value", kind)
    if name not in ("nearest", "nearest-exact", "bilinear", "bicubic"):
        raise NotNative(f"interpolation {kind!r} on a tensor")
    if name in ("bilinear", "bicubic") and not transform.antialias:
        raise NotNative(f"antialias={transform.antialias} on a tensor")
    if builder.dtype not in ("uint8", "float32"):
        raise NotNative(f"on a tensor of {builder.dtype}")
    is_rounded = builder.dtype == "uint8" and not is_v2
    return {
        "resampler": "torch_rounded" if is_rounded else "torch",
        "interpolation": name.replace("-", "_"),
    }


def _resampled(builder: RecipeBuilder, leaf: str, name: str, parameters: dict[str, Any]) -> None:
    """Adds an operator that interpolates: floats are not what the bytes before them were."""
    if builder.dtype == "uint8":
        builder.move(leaf, name, parameters)
    else:
        builder.append(Step(name, parameters))
        builder.note(leaf, f"native ({name})")


def _needs_tensor(builder: RecipeBuilder) -> None:
    if builder.stage == "pixels":
        raise NotNative("on a PIL image")


def _interpolation(value: Any) -> str:
    """Pillow has no exact variant of nearest: torchvision maps both to the same filter."""
    name = _INTERPOLATIONS.get(value) if isinstance(value, int) else getattr(value, "value", value)
    if name == "nearest-exact":
        return "nearest"
    if name not in _INTERPOLATIONS.values():
        raise NotNative(f"interpolation {value!r}")
    return str(name)


def _square(value: Any) -> list[int]:
    size = whole_numbers(value, (1, 2))
    return size * 2 if len(size) == 1 else size


def _identity(builder: RecipeBuilder, _: Any, leaf: str, is_v2: bool) -> None:
    builder.note(leaf)


def _resize(builder: RecipeBuilder, transform: Any, leaf: str, is_v2: bool) -> None:
    if transform.size is None:
        raise NotNative("size=None")
    size = whole_numbers(transform.size, (1, 2))
    parameters = {
        "size": size,
        "max_size": int(transform.max_size or 0),
        **_resampler(builder, transform, is_v2),
    }
    _resampled(builder, leaf, "resize", parameters)


def _random_resized_crop(builder: RecipeBuilder, transform: Any, leaf: str, is_v2: bool) -> None:
    parameters = {
        "size": _square(transform.size),
        "scale": numbers(transform.scale, (2,)),
        "ratio": numbers(transform.ratio, (2,)),
        **_resampler(builder, transform, is_v2),
    }
    _resampled(builder, leaf, "random_resized_crop", parameters)


def _center_crop(builder: RecipeBuilder, transform: Any, leaf: str, is_v2: bool) -> None:
    if builder.is_normalized:
        raise NotNative("after Normalize (its padding would be 0 there)")
    parameters = {"size": _square(transform.size), "rounding": "even", "small": "pad"}
    builder.move(leaf, "center_crop", parameters)


def _random_crop(builder: RecipeBuilder, transform: Any, leaf: str, is_v2: bool) -> None:
    padding = whole_numbers(transform.padding or 0, (1, 2, 4))
    if is_v2 and len(padding) == 4:  # stored as left, right, top, bottom
        padding = [padding[0], padding[2], padding[1], padding[3]]
    fill = [0.0]
    if any(padding) or transform.pad_if_needed:
        if transform.padding_mode != "constant":
            raise NotNative(f"padding_mode={transform.padding_mode!r}")
        if min(padding) < 0:
            raise NotNative("negative padding")
        fill = [float(int(v)) for v in numbers(0 if transform.fill is None else transform.fill, (1, 3))]
        if min(fill) < 0 or max(fill) > 255:
            raise NotNative(f"fill={transform.fill!r} is not in 0..255")
        if builder.dtype != "uint8" and (builder.is_normalized or any(fill)):
            raise NotNative("padding of a float tensor")
        if builder.stage == "tensor" and len(fill) > 1 and not is_v2:
            raise NotNative("fill per channel on a tensor")
    parameters = {
        "size": _square(transform.size),
        "padding": padding,
        "pad_if_needed": bool(transform.pad_if_needed),
        "fill": fill,
    }
    builder.move(leaf, "random_crop", parameters)


def _flip(name: str) -> Handler:
    def handle(builder: RecipeBuilder, transform: Any, leaf: str, is_v2: bool) -> None:
        builder.move(leaf, name, {"p": float(transform.p)})

    return handle


def _to_tensor(builder: RecipeBuilder, _: Any, leaf: str, is_v2: bool) -> None:
    _needs_pixels(builder)
    if torch.get_default_dtype() is not torch.float32:
        raise NotNative(f"the default dtype is {torch.get_default_dtype()}")
    _enter_tensor(builder, "tensor")
    _convert(builder, leaf, "float32", "divide")


def _pil_to_tensor(builder: RecipeBuilder, _: Any, leaf: str, is_v2: bool) -> None:
    _needs_pixels(builder)
    _enter_tensor(builder, "tensor")
    builder.note(leaf, "native (layout)")


def _to_image(builder: RecipeBuilder, _: Any, leaf: str, is_v2: bool) -> None:
    _enter_tensor(builder, "image")
    builder.note(leaf, "native (layout)")


def _to_pure_tensor(builder: RecipeBuilder, _: Any, leaf: str, is_v2: bool) -> None:
    _needs_tensor(builder)
    builder.sample = "tensor"
    builder.note(leaf)


def _enter_tensor(builder: RecipeBuilder, sample: str) -> None:
    if builder.stage != "unknown":
        builder.stage = "tensor"
    builder.layout = "chw"
    builder.sample = sample


def _convert(builder: RecipeBuilder, leaf: str, dtype: str, arithmetic: str) -> None:
    if dtype == builder.dtype:
        builder.note(leaf)
    elif builder.dtype == "uint8":
        builder.compute(leaf, "to_float", {"arithmetic": arithmetic})
    elif builder.dtype == "float32" and dtype != "uint8":
        builder.note(leaf, "native (cast)")
    else:
        raise NotNative(f"{builder.dtype} to {dtype}")
    builder.dtype = dtype


def _convert_image_dtype(builder: RecipeBuilder, transform: Any, leaf: str, is_v2: bool) -> None:
    _needs_tensor(builder)
    if transform.dtype not in _DTYPES:
        raise NotNative(f"dtype {transform.dtype}")
    _convert(builder, leaf, _DTYPES[transform.dtype], "multiply" if is_v2 else "divide")


def _to_dtype(builder: RecipeBuilder, transform: Any, leaf: str, is_v2: bool) -> None:
    _needs_tensor(builder)
    dtype = transform.dtype
    if isinstance(dtype, dict):
        kind = sys.modules["torchvision"].tv_tensors.Image if builder.sample == "image" else torch.Tensor
        if kind not in dtype and "others" not in dtype:
            raise NotNative(f"no dtype for {kind.__name__}")
        dtype = dtype.get(kind, dtype.get("others"))
        if dtype is None:
            builder.note(leaf)
            return
    if dtype not in _DTYPES:
        raise NotNative(f"dtype {dtype}")
    _convert(builder, leaf, _DTYPES[dtype], "multiply" if transform.scale else "cast")


def _normalize(builder: RecipeBuilder, transform: Any, leaf: str, is_v2: bool) -> None:
    _needs_tensor(builder)
    if builder.dtype != "float32" and builder.stage != "unknown":
        raise NotNative(f"on {builder.dtype} (native on float32)")
    parameters = {"mean": numbers(transform.mean, (1, 3)), "std": numbers(transform.std, (1, 3))}
    if 0.0 in parameters["std"]:
        raise NotNative("std is 0")
    builder.compute(leaf, "normalize", parameters)
    builder.is_normalized = True


_HANDLERS: dict[str, Handler] = {
    "Identity": _identity,
    "Resize": _resize,
    "RandomResizedCrop": _random_resized_crop,
    "CenterCrop": _center_crop,
    "RandomCrop": _random_crop,
    "RandomHorizontalFlip": _flip("horizontal_flip"),
    "RandomVerticalFlip": _flip("vertical_flip"),
    "ToTensor": _to_tensor,
    "PILToTensor": _pil_to_tensor,
    "ToImage": _to_image,
    "ToPureTensor": _to_pure_tensor,
    "ConvertImageDtype": _convert_image_dtype,
    "ToDtype": _to_dtype,
    "Normalize": _normalize,
}
