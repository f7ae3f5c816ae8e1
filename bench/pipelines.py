"""What transforms.py times: operators of Albumentations and torchvision, and five whole pipelines."""

from __future__ import annotations

import numpy as np

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def photograph(height, width, channels=3, dtype="uint8", seed=0):
    """An image with the smooth areas, edges and grain of a photograph."""
    numbers = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    planes = []
    for channel in range(channels):
        plane = 120 + 60 * np.sin(x / (31 + 7 * channel)) + 50 * np.cos(y / 23) * np.sin((x + y) / 57)
        plane += 40 * ((x // 40 + y // 50 + channel) % 3 == 0)
        planes.append(plane + numbers.normal(0, 6, (height, width)))
    image = np.clip(np.stack(planes, -1), 0, 255)
    if dtype == "uint16":
        return np.ascontiguousarray((image * 39).astype(np.uint16))
    return np.ascontiguousarray(image.astype(np.uint8))


def operators(side):
    """Name, and the transform of Albumentations, always applied, for images of at least `side` pixels."""
    import albumentations as A

    crop = side * 4 // 5
    return {
        "HorizontalFlip": A.HorizontalFlip(p=1),
        "VerticalFlip": A.VerticalFlip(p=1),
        "Transpose": A.Transpose(p=1),
        "RandomRotate90": A.RandomRotate90(p=1),
        "D4": A.D4(p=1),
        "RandomCrop": A.RandomCrop(crop, crop, p=1),
        "CenterCrop": A.CenterCrop(crop, crop, p=1),
        "Pad": A.Pad(16, p=1),
        "PadIfNeeded": A.PadIfNeeded(side * 2, side * 3, p=1),
        "Resize": A.Resize(crop, crop, p=1),
        "RandomResizedCrop": A.RandomResizedCrop((crop, crop), p=1),
        "RandomSizedCrop": A.RandomSizedCrop((side // 2, side), (crop, crop), p=1),
        "LongestMaxSize": A.LongestMaxSize(crop, p=1),
        "SmallestMaxSize": A.SmallestMaxSize(crop, p=1),
        "RandomScale": A.RandomScale(0.3, p=1),
        "Affine": A.Affine(scale=(0.8, 1.2), rotate=(-20, 20), translate_percent=0.1, p=1),
        "ShiftScaleRotate": A.ShiftScaleRotate(p=1),
        "Rotate": A.Rotate(30, p=1),
        "SafeRotate": A.SafeRotate(30, p=1),
        "Perspective": A.Perspective(p=1),
        "GridDistortion": A.GridDistortion(p=1),
        "OpticalDistortion": A.OpticalDistortion(p=1),
        "ElasticTransform": A.ElasticTransform(p=1),
        "CoarseDropout": A.CoarseDropout(p=1),
        "GridDropout": A.GridDropout(p=1),
        "ChannelDropout": A.ChannelDropout(p=1),
        "ChannelShuffle": A.ChannelShuffle(p=1),
        "RandomBrightnessContrast": A.RandomBrightnessContrast(p=1),
        "ColorJitter": A.ColorJitter(p=1),
        "HueSaturationValue": A.HueSaturationValue(p=1),
        "RandomGamma": A.RandomGamma(p=1),
        "CLAHE": A.CLAHE(p=1),
        "Equalize": A.Equalize(p=1),
        "Solarize": A.Solarize(p=1),
        "Posterize": A.Posterize(p=1),
        "InvertImg": A.InvertImg(p=1),
        "RGBShift": A.RGBShift(p=1),
        "ToGray": A.ToGray(p=1),
        "AutoContrast": A.AutoContrast(p=1),
        "RandomToneCurve": A.RandomToneCurve(p=1),
        "Normalize": A.Normalize(p=1),
        "ToFloat": A.ToFloat(max_value=255, p=1),
        "GaussianBlur": A.GaussianBlur(p=1),
        "Blur": A.Blur(p=1),
        "MedianBlur": A.MedianBlur(p=1),
        "MotionBlur": A.MotionBlur(p=1),
        "Sharpen": A.Sharpen(p=1),
        "GaussNoise": A.GaussNoise(p=1),
        "ISONoise": A.ISONoise(p=1),
        "MultiplicativeNoise": A.MultiplicativeNoise(p=1),
        "ImageCompression": A.ImageCompression(p=1),
        "Downscale": A.Downscale(p=1),
    }


# Those whose result does not depend on a draw: there the pixels are compared before the clock starts.
FIXED = {
    "HorizontalFlip",
    "VerticalFlip",
    "Transpose",
    "CenterCrop",
    "Pad",
    "PadIfNeeded",
    "Resize",
    "LongestMaxSize",
    "SmallestMaxSize",
    "Equalize",
    "InvertImg",
    "ToGray",
    "Normalize",
    "ToFloat",
}


def torchvision_operators(side):
    """The same words in torchvision v2, for uint8 tensors; only where they exist."""
    import torch
    from torchvision.transforms import v2

    crop = side * 4 // 5
    return {
        "HorizontalFlip": v2.RandomHorizontalFlip(1),
        "VerticalFlip": v2.RandomVerticalFlip(1),
        "RandomCrop": v2.RandomCrop(crop),
        "CenterCrop": v2.CenterCrop(crop),
        "Pad": v2.Pad(16),
        "Resize": v2.Resize((crop, crop), antialias=True),
        "RandomResizedCrop": v2.RandomResizedCrop(crop, antialias=True),
        "Affine": v2.RandomAffine(20, (0.1, 0.1), (0.8, 1.2), interpolation=v2.InterpolationMode.BILINEAR),
        "Rotate": v2.RandomRotation(30, interpolation=v2.InterpolationMode.BILINEAR),
        "Perspective": v2.RandomPerspective(p=1),
        "ElasticTransform": v2.ElasticTransform(),
        "ColorJitter": v2.ColorJitter(0.2, 0.2, 0.2, 0.2),
        "Equalize": v2.RandomEqualize(1),
        "Solarize": v2.RandomSolarize(128, 1),
        "Posterize": v2.RandomPosterize(4, 1),
        "InvertImg": v2.RandomInvert(1),
        "ToGray": v2.Grayscale(3),
        "AutoContrast": v2.RandomAutocontrast(1),
        "GaussianBlur": v2.GaussianBlur(5),
        "Normalize": v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]),
        "ToFloat": v2.ToDtype(torch.float32, scale=True),
    }


def _boxes(height, width, count=12):
    numbers = np.random.default_rng(3)
    corner = numbers.uniform(0, 0.6, (count, 2))
    size = numbers.uniform(0.1, 0.35, (count, 2))
    return (np.concatenate([corner, corner + size], 1) * [width, height, width, height]).tolist()


def pipelines():
    """Name, the Compose of Albumentations, and the arguments of its call."""
    import albumentations as A
    import cv2

    photo = photograph(375, 500)
    gray = photograph(512, 512, 1)
    bands = photograph(256, 256, 13, "uint16")
    classification = [
        A.RandomResizedCrop((224, 224)),
        A.HorizontalFlip(),
        A.ColorJitter(p=0.8),
        A.ToGray(p=0.1),
        A.GaussianBlur(p=0.1),
        A.Normalize(),
    ]
    detection = [
        A.LongestMaxSize(512),
        A.PadIfNeeded(512, 512),
        A.HorizontalFlip(),
        A.ShiftScaleRotate(shift_limit=0.05, scale_limit=0.2, rotate_limit=10, p=0.5),
        A.RandomBrightnessContrast(p=0.5),
        A.HueSaturationValue(p=0.3),
        A.Normalize(),
    ]
    segmentation = [
        A.RandomScale(0.5, p=1),
        A.PadIfNeeded(512, 512),
        A.RandomCrop(512, 512),
        A.HorizontalFlip(),
        A.OneOf([A.RandomBrightnessContrast(p=1), A.RandomGamma(p=1), A.CLAHE(p=1)], p=0.5),
        A.Normalize(),
    ]
    medical = [
        A.ElasticTransform(alpha=50, sigma=7, p=1),
        A.ShiftScaleRotate(shift_limit=0.05, scale_limit=0.1, rotate_limit=15, p=1),
        A.RandomBrightnessContrast(p=0.5),
        A.GaussNoise(p=0.3),
        A.Normalize(mean=(0.5,), std=(0.25,)),
    ]
    satellite = [
        A.RandomCrop(224, 224),
        A.HorizontalFlip(),
        A.VerticalFlip(),
        A.RandomRotate90(),
        A.CoarseDropout(p=0.3),
        A.Normalize(mean=(0.4,) * 13, std=(0.2,) * 13, max_pixel_value=10000.0),
    ]
    box_rules = A.BboxParams("pascal_voc", label_fields=["labels"], min_visibility=0.1, clip=True)
    boxes = {"bboxes": _boxes(375, 500), "labels": list(range(12))}
    mask = (photograph(375, 500, 1)[..., 0] // 64).astype(np.uint8)
    medical_mask = (gray[..., 0] > 128).astype(np.uint8)
    assert cv2.getNumThreads() == 1
    return {
        "classification, 500x375": (A.Compose(classification), {"image": photo}),
        "detection, 12 boxes, 500x375": (
            A.Compose(detection, bbox_params=box_rules),
            {"image": photo, **boxes},
        ),
        "segmentation, mask, 500x375": (A.Compose(segmentation), {"image": photo, "mask": mask}),
        "medical, grey 512x512, mask, elastic": (
            A.Compose(medical),
            {"image": gray, "mask": medical_mask},
        ),
        "satellite, 13 bands uint16, 256x256": (A.Compose(satellite), {"image": bands}),
    }
