// One sample through its islands, and through the operators behind each.
#include "stoker/run/kept_sample.h"
#include "stoker/run/pipeline.h"
#include "stoker/transform/island.h"

namespace stoker {

Failure KeptSample::take(size_t field, const ConstImage& pixels, const Store& store) {
  fields.resize(source_.fields().size());
  IslandField made{source_.fields()[field].name, source_.fields()[field].kind, nullptr, pixels.shape};
  made.shape.dtype = store.dtype;
  made.data = desk_->acquire(std::max<size_t>(1, made.shape.bytes()));
  store_image(store, pixels, made.data.get());
  fields[field] = std::move(made);
  return std::nullopt;
}

Failure Pipeline::run_islands(const SampleKey& key, KeptSample& kept, SampleSink& sink) {
  while (is_at_island_) {
    if (Failure failure = run_island(key, kept)) return failure;
    if (Failure failure = draw_stretch(key, kept.fields[0].shape)) return failure;
    try {
      schedule();
    } catch (const ArgumentError& refused) {  // what the plan could not know
      return SampleError{.code = SampleErrorCode::kShape,
                         .step = "operators after a step in Python",
                         .found = refused.what(),
                         .hint = "have it give images of the dtype and channels that it gets"};
    }
    counters_->clock.lap(kDrawStep);
    SampleSink& to = is_at_island_ ? kept : sink;
    for (size_t field = 0; field < kept.fields.size(); ++field) {
      const ImageShape shape = kept.fields[field].shape;
      if (Failure failure = check_size(field, shape)) return failure;
      KeptReader reader(kept.fields[field]);
      const bool is_mask = source_.fields()[field].kind == FieldKind::kMask;
      Failure failure = is_mask ? run_mask(field, shape, reader, to) : run_image(field, shape, reader, to);
      if (failure) return failure;
    }
    for (size_t i = 0; i < rows_.size(); ++i) {
      const bool are_boxes = source_.ragged_columns()[i].kind == FieldKind::kBoxes;
      if (Failure failure = are_boxes ? run_boxes(i, sink) : run_keypoints(i, sink)) return failure;
      counters_->clock.lap(kRowStep);
    }
  }
  return std::nullopt;
}

// Hands the sample over and puts the answer in its place.
Failure Pipeline::run_island(const SampleKey& key, KeptSample& kept) {
  const NamedOperator& named = *plan_.operators()[island_.number];
  const Island& island = *island_of(*named.op);
  auto request = std::make_shared<IslandRequest>();
  request->number = island_.number;
  request->op = named.op;
  request->key = key;
  request->seed = island_seed_;
  std::vector<size_t> given;
  for (size_t field = 0; field < kept.fields.size(); ++field) {
    if (kept.fields[field].kind == FieldKind::kMask && !island.takes_masks) continue;
    given.push_back(field);
    request->fields.push_back(std::move(kept.fields[field]));
  }
  for (size_t i = 0; island.takes_rows && i < rows_.size(); ++i) {
    const RaggedColumn& column = source_.ragged_columns()[i];
    request->rows.push_back(
        {column.name, column.kind, std::move(rows_[i].boxes), std::move(rows_[i].keypoints)});
  }
  const ImageShape before = request->fields[0].shape;
  islands_->ask(request);
  counters_->clock.lap(kOperatorSteps + island_.number);
  if (request->failure) {
    request->failure->step = island.label;
    return std::move(request->failure);
  }
  for (size_t i = 0; i < given.size(); ++i) kept.fields[given[i]] = std::move(request->fields[i]);
  for (size_t i = 0; i < request->rows.size(); ++i) {
    rows_[i].boxes = std::move(request->rows[i].boxes);
    rows_[i].keypoints = std::move(request->rows[i].keypoints);
  }
  const ImageShape& after = kept.fields[0].shape;
  const bool is_resized = after.height != before.height || after.width != before.width;
  if (is_resized && !island.takes_rows && !rows_.empty()) {
    return SampleError{.code = SampleErrorCode::kPython,
                       .step = island.label,
                       .found = "it changed the size of the image, and is not given its boxes and keypoints",
                       .hint = "leave the size as it is, or the boxes and keypoints out"};
  }
  return std::nullopt;
}

}  // namespace stoker
