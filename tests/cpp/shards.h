// Shards made for tests.
#pragma once

#include <string>
#include <vector>

#include "scaffold.h"
#include "stoker/fetch/fetcher.h"
#include "stoker/pack/packing.h"
#include "stoker/pack/shard_writer.h"
#include "stoker/source/shards.h"

namespace stoker::test {

Bytes read_bytes(const std::string& path);
void write_bytes(const std::string& path, const Bytes& bytes);

PackedPart source_part(const Bytes& bytes, const std::string& path);
PackedPart raw_part(const Pixels& pixels, const std::string& path);

// A shard of three records with an image of form source and a raw mask each, a column of every dtype, boxes,
// and paths that no text holds. `fill_bytes` of payload in the first record.
std::string write_shard(const std::string& folder, size_t fill_bytes = 1000, uint32_t shard = 3,
                        const std::string& footer = "{\"plan\":1}");

// Fetches a field of a sample.
FetchResult fetch(Fetcher& fetcher, const Source& source, int64_t index, size_t field = 0,
                  uint32_t epoch = 0);

// Works until the packing is finished.
void finish(Packing& packing);

// Names and bytes of all files in a folder, hidden ones too.
std::map<std::string, Bytes> contents(const std::string& folder);

}  // namespace stoker::test
