#include "stoker/run/rows.h"

#include "stoker/transform/geometry.h"

namespace stoker {

RowRange RowsNeeded::of(const SampleKey& key, const ImageShape& shape) {
  const RowRange all{0, shape.height};
  plan_.choose(key, &taken_);
  for (const Plan::Taken& taken : taken_) {
    const Operator& op = *plan_.operators()[taken.number]->op;
    if (!op.has_geometry()) return all;
    Rng rng(key, taken.path);
    draw_.reset();
    if (op.draw(rng, shape, &draw_)) return all;  // the pipeline fails in the same way, and says so
    if (!draw_.applies) continue;
    const Geometry geometry = op.geometry(draw_, shape);
    if (!geometry.crop || !is_inside(*geometry.crop, shape.height, shape.width)) return all;
    return {geometry.crop->y, geometry.crop->y + geometry.crop->height};
  }
  return all;
}

uint64_t limit_to_rows(const RowRange& rows, FetchRequest* request) {
  if (request->blocks.empty() || !request->raw_shape) return 0;
  const uint64_t row_bytes = request->raw_shape->row_bytes();
  const uint64_t begin = static_cast<uint64_t>(rows.begin) * row_bytes;
  const uint64_t end = static_cast<uint64_t>(rows.end) * row_bytes;
  uint64_t skipped_bytes = 0;
  size_t first = 0;
  while (skipped_bytes + request->blocks[first].length_bytes <= begin)
    skipped_bytes += request->blocks[first++].length_bytes;
  uint64_t kept_bytes = 0;
  size_t last = first;
  while (skipped_bytes + kept_bytes < end) kept_bytes += request->blocks[last++].length_bytes;
  request->blocks = request->blocks.subspan(first, last - first);
  request->first_block += first;
  request->offset_bytes += skipped_bytes;
  request->length_bytes = kept_bytes;
  return skipped_bytes;
}

}  // namespace stoker
