#include "stoker/run/plan.h"

#include <algorithm>
#include <array>

#include "stoker/transform/island.h"

namespace stoker {
namespace {

int planned_channels(Color color) {
  switch (color) {
    case Color::kRgb:
    case Color::kBgr:
      return 3;
    case Color::kGray:
      return 1;
    default:
      return 0;
  }
}

std::string side(int pixels) { return pixels == 0 ? "?" : std::to_string(pixels); }

std::string text_of(const PlannedShape& shape) {
  return side(shape.height) + " x " + side(shape.width) + " x " + side(shape.channels) + " " +
         std::string(name_of(shape.dtype));
}

// What is known of both.
PlannedShape common_shape(const std::string& owner, const PlannedShape& a, const PlannedShape& b) {
  if (a.dtype != b.dtype) {
    throw ArgumentError(owner + ": the images are " + std::string(name_of(a.dtype)) + " or " +
                        std::string(name_of(b.dtype)) +
                        " after it, as it falls; operators that change the dtype must always be applied.");
  }
  const auto same = [](int left, int right) { return left == right ? left : 0; };
  return {same(a.height, b.height), same(a.width, b.width), same(a.channels, b.channels), a.dtype};
}

// The path of a repeated operator: 12 bits of its number in the tree, 4 of the repetition.
constexpr int kMaxNodes = 4096;
constexpr int kRepetitionShift = 12;

}  // namespace

Plan::Plan(std::vector<NamedOperator> written, const PlanOptions& options, const PlanInput& input)
    : written_(std::move(written)), options_(options) {
  if (input.image_shape) {
    const ImageShape& shape = *input.image_shape;
    decoded_ = {shape.height, shape.width, shape.channels, shape.dtype};
  } else {
    decoded_ = {0, 0, planned_channels(options.decode.color), options.image_dtype};
  }
  for (const RaggedColumn& column : input.ragged_columns) {
    RowFormat format;
    size_t width = 4;
    if (column.kind == FieldKind::kBoxes) {
      if (!column.format.empty()) format.boxes = box_format_from_name(column.format);
    } else {
      if (!column.format.empty()) format.keypoints = keypoint_format_from_name(column.format);
      width = number_count(format.keypoints);
    }
    if (static_cast<size_t>(column.width) != width) {
      throw ArgumentError("column '" + column.name + "': a row has " + std::to_string(column.width) +
                          " numbers, its format needs " + std::to_string(width) + ".");
    }
    row_formats_.push_back(format);
  }
  int next_path = input.operators_done;
  for (const NamedOperator& each : written_) nodes_.push_back(number_nodes(each, &next_path));
  shape_ = decoded_;
  for (const NamedOperator& each : written_) shape_ = shape_after(each, shape_);
  choose_dtype(shape_.dtype);
  std::vector<uint16_t> all(operators_.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint16_t>(i);
  try {
    full_schedule_ = schedule(all);
  } catch (
      const ArgumentError&) {  // operators that never meet: one of several makes grey, another needs colour
    if (!has_groups_) throw;
    full_schedule_ = schedule({});
  }
}

// Numbers elements in the order in which they are written, a group before what is in it.
Plan::Node Plan::number_nodes(const NamedOperator& named, int* next_path) {
  if (*next_path >= kMaxNodes) {
    throw ArgumentError("operators: at most " + std::to_string(kMaxNodes) +
                        " are possible, groups included.");
  }
  Node node;
  node.path = static_cast<uint16_t>((*next_path)++);
  if (named.group == nullptr) {
    node.number = static_cast<int>(operators_.size());
    operators_.push_back(&named);
    has_islands_ |= island_of(*named.op) != nullptr;
    return node;
  }
  has_groups_ = true;
  node.group = named.group.get();
  for (const NamedOperator& child : named.children) node.children.push_back(number_nodes(child, next_path));
  return node;
}

PlannedShape Plan::shape_after(const NamedOperator& named, const PlannedShape& in) const {
  if (named.op != nullptr) return named.op->plan(in);
  const Group& group = *named.group;
  PlannedShape out = in;
  if (group.takes_all) {
    for (const NamedOperator& child : named.children) out = shape_after(child, out);
    return group.p < 1 ? common_shape(named.name, in, out) : out;
  }
  if (group.least == 1 && group.most == 1) {
    const PlannedShape first = shape_after(named.children.front(), in);
    out = first;
    for (const NamedOperator& child : named.children)
      out = common_shape(named.name, out, shape_after(child, in));
    return group.p < 1 ? common_shape(named.name, in, out) : out;
  }
  // Any of them may or may not come before any other: twice is enough for sizes to become unknown.
  for (int round = 0; round < 2; ++round) {
    for (const NamedOperator& child : named.children)
      out = common_shape(named.name, out, shape_after(child, out));
  }
  return out;
}

int Plan::choose(const SampleKey& key, std::vector<Taken>* taken) const {
  if (!has_groups_) {
    if (taken->size() == nodes_.size()) return nodes_.empty() ? 0 : 1;  // always the same
    taken->clear();
    for (const Node& node : nodes_)
      taken->push_back({static_cast<uint16_t>(node.number), node.path, taken->empty() ? 0 : 1});
    return nodes_.empty() ? 0 : 1;
  }
  taken->clear();
  int checks = 0;
  for (const Node& node : nodes_) {
    choose(node, key, 0, &checks, taken);
    ++checks;
  }
  return checks;
}

void Plan::choose(const Node& node, const SampleKey& key, uint16_t repetition, int* checks,
                  std::vector<Taken>* taken) const {
  const auto path = static_cast<uint16_t>(node.path | repetition << kRepetitionShift);
  if (node.group == nullptr) {
    taken->push_back({static_cast<uint16_t>(node.number), path, *checks});
    *checks = 0;
    return;
  }
  Rng rng(key, path);
  std::vector<int> children;
  node.group->choose(rng, node.children.size(), &children);
  std::vector<uint16_t> times(node.children.size(), 0);
  for (const int child : children) {
    const auto i = static_cast<size_t>(child);
    // A repeat within a repeat shares 16 numbers with it, which only repeats its draws.
    choose(node.children[i], key, static_cast<uint16_t>((repetition + times[i]++) % kMaxTaken), checks,
           taken);
    if (!node.group->is_one_step) ++*checks;
  }
}

// Index maps cost next to nothing beside the resample that they are composed with.
std::vector<size_t> Plan::time_keepers(const std::vector<size_t>& spatial,
                                       std::span<const uint16_t> numbers) const {
  std::vector<size_t> keepers(spatial.size());
  size_t begin = 0;
  std::optional<size_t> resample;
  for (size_t i = 0; i < spatial.size(); ++i) {
    const Operator& op = *operators_[numbers[spatial[i]]]->op;
    if (op.operator_class() == OperatorClass::kResample) {
      if (resample) begin = i;  // two are never one
      resample = spatial[i];
      std::fill(keepers.begin() + static_cast<ptrdiff_t>(begin),
                keepers.begin() + static_cast<ptrdiff_t>(i) + 1, spatial[i]);
    } else {
      keepers[i] = resample.value_or(spatial[begin]);
    }
  }
  return keepers;
}

Schedule Plan::schedule(std::span<const uint16_t> numbers, PlannedShape shape) const {
  Schedule made;
  const bool begins_with_bytes = shape.dtype == DType::kUint8;
  DType table_input = shape.dtype;  // of the last segment's first table
  std::vector<Segment>& segments = made.segments;
  segments.emplace_back();
  const auto close = [&](std::string reason) {
    segments.back().end = std::move(reason);
    segments.emplace_back();
  };
  for (size_t i = 0; i < numbers.size(); ++i) {
    const NamedOperator& named = *operators_[numbers[i]];
    const Operator& op = *named.op;
    const OperatorClass kind = op.operator_class();
    if (op.has_geometry()) {
      // A map of indices may go ahead of functions of single values when no fill value enters and no
      // reduction would see another image.
      const bool moves_ahead =
          kind == OperatorClass::kIndexMap && !op.reads_outside(shape) &&
          (!segments.back().has_reduction || (op.is_permutation() && !segments.back().adds_floats));
      if (!segments.back().tables.empty() && !moves_ahead) {
        close(named.name + (kind == OperatorClass::kResample ? " interpolates values that come after a table"
                            : op.reads_outside(shape)        ? " pads with values that no table may change"
                                                             : " would change what a reduction sees"));
      }
      segments.back().spatial.push_back(i);
    } else if (kind == OperatorClass::kTable || kind == OperatorClass::kReducedTable) {
      const bool adds_floats = kind == OperatorClass::kReducedTable && shape.dtype != DType::kUint8;
      if (adds_floats && !segments.back().tables.empty() && table_input == DType::kUint8)
        close(named.name + " adds up floats, which a histogram of bytes would do in another order");
      if (segments.back().tables.empty()) table_input = shape.dtype;
      segments.back().tables.push_back(i);
      segments.back().has_reduction |= kind == OperatorClass::kReducedTable;
      segments.back().adds_floats |= adds_floats;
    } else {
      segments.back().whole = i;
      close(island_of(op) != nullptr
                ? island_of(op)->label + " runs in Python"
                : named.name + " is a " + std::string(name_of(kind)) + " operator: it needs the whole image");
    }
    shape = op.plan(shape);
  }
  for (Segment& segment : segments) {
    segment.timed_as = time_keepers(segment.spatial, numbers);
    segment.is_last = &segment == &segments.back();
    segment.is_constant_table = std::none_of(segment.tables.begin(), segment.tables.end(), [&](size_t i) {
      const Operator& op = *operators_[numbers[i]]->op;
      return op.is_random() || op.operator_class() == OperatorClass::kReducedTable;
    });
  }
  const Segment& last = segments.back();
  if (last.is_constant_table && shape.channels > 0 && begins_with_bytes &&
      (last.tables.empty() || table_input == DType::kUint8)) {
    std::vector<Draw> draws(last.tables.size());  // not random, and yet what the operators work with
    std::vector<TableStep> tables;
    for (size_t i = 0; i < draws.size(); ++i) {
      const Operator& op = *operators_[numbers[last.tables[i]]]->op;
      Rng rng(SampleKey{}, 0);
      if (op.draw(rng, {1, 256, shape.channels, DType::kUint8}, &draws[i])) return made;
      tables.push_back({&op, &draws[i]});
    }
    std::array<std::vector<uint8_t>, 2> storage;
    made.constant_table.emplace();
    made.constant_table->assign(table_ramp(tables, shape.channels, storage), dtype_);
    made.constant_table->find_formula();
  }
  return made;
}

bool Plan::can_store(DType ending) const {
  if (dtype_ == ending) return true;
  const bool to_float = dtype_ == DType::kFloat16 || dtype_ == DType::kBfloat16 || dtype_ == DType::kFloat32;
  const bool from_castable = ending != DType::kFloat16 && ending != DType::kBfloat16;
  return to_float && from_castable;
}

void Plan::refuse_islands(const std::string& owner) const {
  for (const NamedOperator* named : operators_) {
    if (island_of(*named->op) == nullptr) continue;
    throw ArgumentError(owner + ": " + island_of(*named->op)->label +
                        " runs in Python, which is possible in loaders alone; leave it out here.");
  }
}

void Plan::choose_dtype(DType ending) {
  dtype_ = options_.dtype.value_or(ending);
  if (can_store(ending)) return;
  throw ArgumentError("dtype: the images are " + std::string(name_of(ending)) +
                      " after the operators, which cannot become " + std::string(name_of(dtype_)) +
                      "; allowed are 'auto' (" + std::string(name_of(ending)) +
                      "), and float16, bfloat16 and float32 from integers and wider floats.");
}

ConstImage table_ramp(std::span<const TableStep> tables, int channels,
                      std::array<std::vector<uint8_t>, 2>& storage) {
  ImageShape shape{1, 256, channels, DType::kUint8};
  storage[0].resize(shape.bytes());
  uint8_t* pixel = storage[0].data();
  for (int value = 0; value < shape.width; ++value)
    pixel = std::fill_n(pixel, channels, static_cast<uint8_t>(value));
  size_t current = 0;
  ResizeScratch scratch;
  for (const TableStep& table : tables) {
    const ImageShape next = table.op->shape_after(*table.draw, shape);
    storage[1 - current].resize(next.bytes());
    table.op->apply(*table.draw, packed_image(storage[current].data(), shape),
                    packed_image(storage[1 - current].data(), next), scratch);
    shape = next;
    current = 1 - current;
  }
  return packed_image(static_cast<const uint8_t*>(storage[current].data()), shape);
}

std::string Plan::explain() const {
  std::string text = "decode: " + text_of(decoded_);
  const std::vector<Segment>& segments = full_schedule_.segments;
  const bool has_region = !segments.front().spatial.empty();
  text += has_region ? "; only the region that the first crop or resize reads\n" : "; whole images\n";
  text += options_.decode.only_libjpeg_turbo
              ? "JPEG: all by libjpeg-turbo, as asked\n"
              : "JPEG: baseline by stoker's own decoder, the rest by libjpeg-turbo; pixels are the same\n";
  if (has_groups_) {
    text += "chosen for every sample, fused as below where they fall together:";
    for (const NamedOperator& each : written_) text += "\n    " + describe(each);
    text += "\n";
  }
  for (const Segment& segment : segments) {
    const auto list = [&](const std::vector<size_t>& indices) {
      std::string names;
      for (const size_t i : indices) names += "\n    " + describe(*operators_[i]);
      return names;
    };
    if (!segment.spatial.empty()) text += "geometry, composed into one pass:" + list(segment.spatial) + "\n";
    if (!segment.tables.empty()) {
      text += segment.has_reduction       ? "table for each sample, after one reading for its reduction:"
              : segment.is_constant_table ? "one table for all samples:"
                                          : "table for each sample:";
      text += list(segment.tables) + "\n";
    }
    if (segment.whole) {
      const bool is_island = island_of(*operators_[*segment.whole]->op) != nullptr;
      text += (is_island ? "in Python, on the whole image:" : "whole image:") + list({*segment.whole}) + "\n";
    }
    if (!segment.is_last) text += "not fused: " + segment.end + "\n";
  }
  text += "store: flips, " + std::string(segments.back().tables.empty() ? "" : "table, ") + "cast to " +
          std::string(name_of(dtype_)) + " and layout " + std::string(name_of(options_.layout)) +
          " in one pass; " + text_of({shape_.height, shape_.width, shape_.channels, dtype_}) + " a sample";
  if (shape_.height == 0 || shape_.width == 0) text += " (the size is each image's own)";
  return text + "\n";
}

}  // namespace stoker
