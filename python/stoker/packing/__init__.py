"""Work done once: a source into verified shards, and shards as a source."""

from stoker.packing.making import Packed, pack
from stoker.packing.manifest import MissingShards, finalise
from stoker.packing.reading import Shards, shards
from stoker.packing.verifying import repair, verify

__all__ = ["MissingShards", "Packed", "Shards", "finalise", "pack", "repair", "shards", "verify"]
