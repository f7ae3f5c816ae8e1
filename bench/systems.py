"""The systems of loading.py: each is run in a process of its own, `systems.py NAME FOLDER IMAGES`.

A line `epoch` on the standard input runs an epoch and answers with a line of JSON, `check` compares pixels.
"""

import importlib
import json
import os
import resource
import sys
import time

BATCH, WORKERS, CHECKED = 64, 2, 128
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
FLOOR = "decode-floor"
# Each stoker system, and the peer whose recipe and resampler it runs.
PEER_OF = {
    "stoker-torchvision": "torchvision",
    "stoker-v2": "torchvision-v2",
    "stoker-albumentations": "albumentations",
    "stoker-native-pillow": "dali",
    "stoker-native-opencv": "albumentations",
}
SYSTEMS = [
    FLOOR,
    "torchvision",
    "torchvision-v2",
    "torchvision-v2-tensor",
    "albumentations",
    "dali",
    *PEER_OF,
]


def import_torchvision():
    import torch

    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        # Built for another torch, it lacks its C++ operators; transforms work once these schemas exist.
        for name in ("nms", "qnms"):
            torch.library.define(
                f"torchvision::{name}", "(Tensor boxes, Tensor scores, float limit) -> Tensor"
            )
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        importlib.import_module("torchvision")


def torch_transform(recipe, train):
    """The transform of an ImageFolder in the words of one peer."""
    import_torchvision()
    if recipe == "albumentations":
        import albumentations as A
        from albumentations.pytorch import ToTensorV2

        if train:
            steps = [A.RandomResizedCrop((224, 224)), A.HorizontalFlip(), A.RandomBrightnessContrast(p=1)]
        else:
            steps = [A.Resize(256, 256), A.CenterCrop(224, 224)]
        return A.Compose([*steps, A.Normalize(MEAN, STD), ToTensorV2()])
    if recipe == "torchvision":
        import torchvision.transforms as T

        to_tensor, after = [], [T.ToTensor(), T.Normalize(MEAN, STD)]
    else:
        import torch
        from torchvision.transforms import v2 as T

        # "-tensor" resizes uint8 tensors, the other one Pillow images.
        to_tensor = [T.ToImage()] if recipe.endswith("tensor") else []
        after = [T.ToImage(), T.ToDtype(torch.float32, scale=True), T.Normalize(MEAN, STD)]
    if train:
        steps = [
            T.RandomResizedCrop(224),
            T.RandomHorizontalFlip(),
            T.ColorJitter(brightness=0.2, contrast=0.2),
        ]
    else:
        steps = [T.Resize(256), T.CenterCrop(224)]
    return T.Compose([*to_tensor, *steps, *after])


def torch_loader(root, recipe, train, drop_in):
    transform = torch_transform(recipe, train)
    from torchvision.datasets import ImageFolder

    if drop_in:
        from stoker.torch import DataLoader
    else:
        from torch.utils.data import DataLoader
    if recipe != "albumentations":
        dataset = ImageFolder(root, transform)
    elif drop_in:
        import stoker

        dataset = ImageFolder(root, stoker.albumentations(transform))
    else:
        import cv2

        cv2.setNumThreads(0)  # the workers are the threads

        def read(path):
            return cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)

        dataset = ImageFolder(root, lambda image: transform(image=image)["image"], loader=read)
    return DataLoader(dataset, BATCH, shuffle=train, num_workers=WORKERS)


def native_loader(root, resampler, train):
    import stoker

    if train:
        steps = [
            stoker.random_resized_crop(224, resampler=resampler),
            stoker.horizontal_flip(p=0.5),
            stoker.brightness_contrast(p=1),
        ]
    elif resampler == "pillow":
        steps = [stoker.resize(256), stoker.center_crop(224), stoker.to_float()]
    else:
        steps = [stoker.resize((256, 256), resampler="opencv"), stoker.center_crop(224, rounding="down")]
    steps.append(stoker.normalize(MEAN, STD))
    return stoker.Loader(stoker.folder(root), steps, batch_size=BATCH, shuffle=train, seed=1, threads=WORKERS)


def dali_loader(root, count):
    from nvidia.dali import fn, pipeline_def, types

    @pipeline_def(batch_size=BATCH, num_threads=WORKERS, device_id=None, seed=1)
    def pipeline():
        encoded, labels = fn.readers.file(file_root=root, random_shuffle=True, name="reader")
        images = fn.decoders.image_random_crop(
            encoded,
            jpeg_fancy_upsampling=True,
            random_area=[0.08, 1.0],
            random_aspect_ratio=[3 / 4, 4 / 3],
        )
        images = fn.resize(images, size=(224, 224), interp_type=types.INTERP_LINEAR, antialias=True)
        factor = [fn.random.uniform(range=[0.8, 1.2]) for _ in range(2)]
        images = fn.brightness_contrast(images, brightness=factor[0], contrast=factor[1])
        images = fn.crop_mirror_normalize(
            images,
            mirror=fn.random.coin_flip(),
            dtype=types.FLOAT,
            output_layout="CHW",
            mean=[255 * value for value in MEAN],
            std=[255 * value for value in STD],
        )
        return images, labels

    from nvidia.dali.plugin.pytorch import DALIGenericIterator

    class Loader:
        """An endless pipeline that is kept: a fresh one takes a while to reach its speed."""

        def __init__(self):
            self.kept = self.start()

        def start(self):
            built = pipeline()
            built.build()
            return DALIGenericIterator([built], ["images", "labels"])

        def before_epoch(self):
            """Seconds to the first batch of a fresh pipeline. Then takes what the kept one did ahead."""
            start = time.perf_counter()
            next(self.start())
            first = time.perf_counter() - start
            for _ in range(3):
                next(self.kept)
            return first

        def __iter__(self):
            for _ in range(count // BATCH):
                (batch,) = next(self.kept)
                yield batch["images"], batch["labels"]

    return Loader()


def make_loader(system, root, count, train=True):
    if system == "dali":
        return dali_loader(root, count)
    if system.startswith("stoker-native-"):
        return native_loader(root, system.removeprefix("stoker-native-"), train)
    name = system.removeprefix("stoker-")
    recipe = {"v2": "torchvision-v2"}.get(name, name)
    return torch_loader(root, recipe, train, drop_in=system.startswith("stoker-"))


def import_for(system):
    """All imports, so that neither time nor memory of an import is counted."""
    import numpy  # noqa: F401

    if not system.startswith("stoker-native-"):
        import torch  # noqa: F401
    if system == "dali":
        import nvidia.dali.plugin.pytorch  # noqa: F401
    elif not system.startswith("stoker-native-"):
        import_torchvision()
        import torchvision.datasets
        import torchvision.transforms.v2  # noqa: F401
    if "albumentations" in system:
        import albumentations.pytorch  # noqa: F401
        import cv2  # noqa: F401
    if system.startswith("stoker"):
        import stoker

        if not system.startswith("stoker-native-"):
            import stoker.torch  # noqa: F401


def pixel_difference(system, root):
    """The largest difference between stoker and its peer on the validation recipe, over CHECKED images."""
    import numpy as np

    recipe = {"stoker-native-pillow": "torchvision", "stoker-native-opencv": "albumentations"}.get(system)
    if recipe:
        peer = torch_loader(root, recipe, train=False, drop_in=False)
    else:
        peer = make_loader(PEER_OF[system], root, CHECKED, train=False)
    ours = make_loader(system, root, CHECKED, train=False)
    worst, seen = 0.0, 0
    for (got, labels), (wanted, wanted_labels) in zip(ours, peer, strict=False):
        assert np.array_equal(np.asarray(labels), np.asarray(wanted_labels)), "labels differ"
        worst = max(worst, float(np.abs(np.asarray(got) - np.asarray(wanted)).max()))
        seen += len(wanted)
        if seen >= CHECKED:
            return worst
    return worst


def cpu_seconds():
    """Of this process and its children that have ended: worker processes end with their epoch."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def run_epoch(loader, expected):
    import numpy as np

    images, first = 0, None
    fresh = loader.before_epoch() if hasattr(loader, "before_epoch") else None
    cpu, start = cpu_seconds(), time.perf_counter()
    for batch, _ in loader:
        if first is None:
            first = time.perf_counter() - start
            pixels = np.asarray(batch)
            assert pixels.shape[1:] == (3, 224, 224) and pixels.dtype == np.float32, (
                pixels.shape,
                pixels.dtype,
            )
            assert np.isfinite(pixels).all() and pixels.std() > 0.1, "these are no pixels"
        images += len(batch)
    wall, cpu = time.perf_counter() - start, cpu_seconds() - cpu
    assert images == expected, f"{images} images instead of {expected}"
    return {"images_per_s": images / wall, "cpu_ms": cpu / images * 1e3, "first_batch_s": fresh or first}


def serve(system, root, expected):
    answer_to = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # libraries that print must not garble the answers
    import_for(system)
    print("ready", file=answer_to)
    loader = None
    for line in sys.stdin:
        if line.strip() == "check":
            answer = {"difference": pixel_difference(system, root)}
        else:
            loader = loader or make_loader(system, root, expected)
            answer = run_epoch(loader, expected)
        print(json.dumps(answer), file=answer_to)


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], int(sys.argv[3]))
