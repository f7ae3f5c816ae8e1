// One sample, from the source to a record of every variant.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "stoker/fetch/fetcher.h"
#include "stoker/pack/packing.h"
#include "stoker/pack/shard_writer.h"
#include "stoker/run/pipeline.h"

namespace stoker {

// Working state of one thread; what it is given must outlive it.
class SamplePacker {
 public:
  SamplePacker(const Source& source, const Plan& plan, const PackingOptions& options, Fetcher& fetcher,
               const std::atomic<bool>* is_cancelled);
  ~SamplePacker();

  // Sets `variants` to options.variants records, hashed. The failure names sample and file.
  Failure pack(int64_t index, std::vector<PackedRecord>* variants);

 private:
  class Sink;

  Failure fetch(int64_t index, Sample* sample, std::vector<SourceFile>* sources);
  Failure pack_variants(const Sample& sample, std::vector<PackedRecord>* variants);
  void keep_bytes(Sample& sample, PackedRecord* record);

  const Source& source_;
  const PackingOptions& options_;
  Fetcher& fetcher_;
  std::unique_ptr<Sink> sink_;
  Pipeline pipeline_;
  StepCounters counters_;
};

}  // namespace stoker
