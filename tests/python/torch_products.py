"""How torch multiplies matrices on this processor; places of torchvision's warps on tensors hang on it."""

from __future__ import annotations

import numpy as np
import torch


def products_are_fused() -> bool:
    """Whether MKL sums with fused steps, as it does with AVX-512 and as stoker does everywhere."""
    points = torch.ones(1, 5000, 3)
    points[..., :2] = torch.rand(5000, 2, generator=torch.Generator().manual_seed(0))
    x, y = points[0, :, 0].numpy(), points[0, :, 1].numpy().astype(np.float64)
    weights = np.array([0.3, 0.7, 0.1], np.float32)
    product = points.bmm(torch.from_numpy(np.stack([weights, weights], 1))[None])[0, :, 0].numpy()
    fused = (y * weights[1] + x * weights[0]).astype(np.float32) + weights[2]
    return bool((fused == product).all())
