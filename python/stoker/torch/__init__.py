"""Loading for PyTorch: a DataLoader that is one import away."""

from stoker.torch.data_loader import DataLoader

__all__ = ["DataLoader"]
