"""Loading for PyTorch: a DataLoader that is one import away."""

from stoker.torch.data_loader import DataLoader
from stoker.torch.image_dataset import ImageDataset

__all__ = ["DataLoader", "ImageDataset"]
