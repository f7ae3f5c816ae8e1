"""PyTorch Geometric: a subclass called DataLoader too, with own arguments; a collater that joins graphs."""

import sys

import torch
from torch.utils.data import Dataset


class Graphs(Dataset):
    def __len__(self):
        return 7

    def __getitem__(self, index):
        nodes = index % 3 + 1
        return {"x": torch.arange(nodes) + 10.0 * index, "edge_index": torch.stack([torch.arange(nodes)] * 2)}


class Collater:
    def __init__(self, follow_batch, exclude_keys):
        self.follow_batch, self.exclude_keys = follow_batch, exclude_keys

    def __call__(self, graphs):
        starts = torch.tensor([0] + [len(each["x"]) for each in graphs]).cumsum(0)
        return {
            "x": torch.cat([each["x"] for each in graphs]),
            "edge_index": torch.cat(
                [each["edge_index"] + start for each, start in zip(graphs, starts[:-1], strict=True)], dim=1
            ),
            "ptr": starts,
        }


def graph_loader(base):
    class DataLoader(base):
        def __init__(
            self, dataset, batch_size=1, shuffle=False, follow_batch=None, exclude_keys=None, **kwargs
        ):
            kwargs.pop("collate_fn", None)
            self.follow_batch = follow_batch
            self.exclude_keys = exclude_keys
            super().__init__(
                dataset, batch_size, shuffle, collate_fn=Collater(follow_batch, exclude_keys), **kwargs
            )

    return DataLoader


def main(DataLoader, folder):
    torch.manual_seed(4)
    loader = graph_loader(DataLoader)(Graphs(), 3, True, exclude_keys=["y"], num_workers=1)
    out = [f"{type(loader).__name__} {len(loader)} {loader.exclude_keys}"]
    for batch in loader:
        out.append(f"{batch['x'].tolist()} {batch['ptr'].tolist()} {batch['edge_index'].tolist()}")
    try:
        loader.batch_size = 5
    except ValueError as problem:
        out.append(str(problem))
    return out


if __name__ == "__main__":
    from stoker.torch import DataLoader

    print("\n".join(main(DataLoader, sys.argv[1])))
