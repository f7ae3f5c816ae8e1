// A sample between two stretches of a pipeline: what an island gets, and what it gave back.
#pragma once

#include <vector>

#include "stoker/run/island_desk.h"
#include "stoker/run/pipeline.h"
#include "stoker/source/source.h"

namespace stoker {

// Takes fields in memory of their own: Python may keep them for as long as it likes.
class KeptSample : public SampleSink {
 public:
  // `desk` may be null while nothing is taken.
  KeptSample(const Source& source, IslandDesk* desk) : source_(source), desk_(desk) {}

  Failure take(size_t field, const ConstImage& pixels, const Store& store) override;

  // By the number of a field in the source; all of them once the first stretch is over.
  std::vector<IslandField> fields;

 private:
  const Source& source_;
  IslandDesk* const desk_;
};

// Hands its pixels to the operators behind the island.
class KeptReader : public RegionReader {
 public:
  // A copy of the view's owner, because the next stretch puts its result into the same place.
  explicit KeptReader(IslandField field) : field_(std::move(field)) {}

  Failure read(const Rect& region, ConstImage* pixels) override {
    *pixels = packed_image(static_cast<const void*>(field_.data.get()), field_.shape).window(region);
    return std::nullopt;
  }

 private:
  const IslandField field_;
};

}  // namespace stoker
