"""transformers' Trainer: dicts padded by a data collator, workers seeded by a partial."""

import functools
import random
import sys

import numpy as np
import torch
from torch.utils.data import Dataset, RandomSampler


class Tokens(Dataset):
    def __len__(self):
        return 10

    def __getitem__(self, index):
        return {"input_ids": [index] * (index % 4 + 1), "label": index % 2}


class PaddingCollator:
    def __call__(self, features):
        longest = max(len(each["input_ids"]) for each in features)
        ids = [each["input_ids"] + [0] * (longest - len(each["input_ids"])) for each in features]
        mask = [[1] * len(each["input_ids"]) + [0] * (longest - len(each["input_ids"])) for each in features]
        return {
            "input_ids": torch.tensor(ids),
            "attention_mask": torch.tensor(mask),
            "labels": torch.tensor([f["label"] for f in features]),
        }


def seed_worker(worker_id, num_workers, rank):
    seed = torch.initial_seed() % 2**32 + worker_id + num_workers * rank
    random.seed(seed)
    np.random.seed(seed)


def main(DataLoader, folder):
    torch.manual_seed(8)
    data = Tokens()
    arguments = {
        "batch_size": 4,
        "collate_fn": PaddingCollator(),
        "num_workers": 2,
        "pin_memory": False,
        "persistent_workers": False,
        "sampler": RandomSampler(data),
        "drop_last": True,
        "worker_init_fn": functools.partial(seed_worker, num_workers=2, rank=0),
        "prefetch_factor": 2,
    }
    loader = DataLoader(data, **arguments)
    return [f"{list(batch)} {batch['input_ids'].tolist()} {batch['labels'].tolist()}" for batch in loader]


if __name__ == "__main__":
    from stoker.torch import DataLoader

    print("\n".join(main(DataLoader, sys.argv[1])))
