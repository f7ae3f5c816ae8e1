#include "stoker/run/plan.h"

#include <algorithm>

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

bool is_spatial(OperatorClass operator_class) {
  return operator_class == OperatorClass::kIndexMap || operator_class == OperatorClass::kResample;
}

std::string side(int pixels) { return pixels == 0 ? "?" : std::to_string(pixels); }

std::string text_of(const PlannedShape& shape) {
  return side(shape.height) + " x " + side(shape.width) + " x " + side(shape.channels) + " " +
         std::string(name_of(shape.dtype));
}

}  // namespace

Plan::Plan(std::vector<NamedOperator> operators, const PlanOptions& options,
           const std::optional<ImageShape>& source_shape)
    : operators_(std::move(operators)), options_(options) {
  if (operators_.size() > 60000) throw ArgumentError("operators: at most 60000 are possible.");
  if (source_shape) {
    decoded_ = {source_shape->height, source_shape->width, source_shape->channels, source_shape->dtype};
  } else {
    decoded_ = {0, 0, planned_channels(options.decode.color), options.image_dtype};
  }
  cut_into_segments(decoded_);
  choose_dtype(shape_.dtype);
  const Segment& last = segments_.back();
  if (last.is_constant_table && decoded_.channels > 0 && decoded_.dtype == DType::kUint8) {
    std::array<std::vector<uint8_t>, 2> storage;
    const std::vector<Draw> draws(operators_.size());
    constant_table_.emplace();
    constant_table_->assign(table_ramp(operators_, last.tables, draws, shape_.channels, storage), dtype_);
  }
}

void Plan::cut_into_segments(const PlannedShape& decoded) {
  PlannedShape shape = decoded;
  segments_.emplace_back();
  const auto close = [this](std::string reason) {
    reasons_.push_back(std::move(reason));
    segments_.emplace_back();
  };
  for (size_t i = 0; i < operators_.size(); ++i) {
    const Operator& op = *operators_[i].op;
    const OperatorClass kind = op.operator_class();
    if (is_spatial(kind)) {
      // A map of indices may go ahead of functions of single values when no fill value enters and no
      // reduction would see another image.
      const bool moves_ahead = kind == OperatorClass::kIndexMap && !op.reads_outside(shape) &&
                               (!segments_.back().has_reduction || op.is_permutation());
      if (!segments_.back().tables.empty() && !moves_ahead) {
        close(operators_[i].name + (kind == OperatorClass::kResample
                                        ? " interpolates values that come after a table"
                                    : op.reads_outside(shape) ? " pads with values that no table may change"
                                                              : " would change what a reduction sees"));
      }
      segments_.back().spatial.push_back(i);
    } else if (kind == OperatorClass::kTable || kind == OperatorClass::kReducedTable) {
      segments_.back().tables.push_back(i);
      segments_.back().has_reduction |= kind == OperatorClass::kReducedTable;
    } else {
      segments_.back().whole = i;
      close(operators_[i].name + " is a " + std::string(name_of(kind)) +
            " operator: it needs the whole image");
    }
    shape = op.plan(shape);
  }
  reasons_.emplace_back();
  for (Segment& segment : segments_) {
    segment.is_last = &segment == &segments_.back();
    segment.is_constant_table = std::none_of(segment.tables.begin(), segment.tables.end(), [this](size_t i) {
      return operators_[i].op->is_random() ||
             operators_[i].op->operator_class() == OperatorClass::kReducedTable;
    });
  }
  shape_ = shape;
}

void Plan::choose_dtype(DType ending) {
  dtype_ = options_.dtype.value_or(ending);
  if (dtype_ == ending) return;
  const bool to_float = dtype_ == DType::kFloat16 || dtype_ == DType::kBfloat16 || dtype_ == DType::kFloat32;
  const bool from_castable = ending != DType::kFloat16 && ending != DType::kBfloat16;
  if (to_float && from_castable) return;
  throw ArgumentError("dtype: the images are " + std::string(name_of(ending)) +
                      " after the operators, which cannot become " + std::string(name_of(dtype_)) +
                      "; allowed are 'auto' (" + std::string(name_of(ending)) +
                      "), and float16, bfloat16 and float32 from integers and wider floats.");
}

ConstImage table_ramp(const std::vector<NamedOperator>& operators, const std::vector<size_t>& tables,
                      const std::vector<Draw>& draws, int channels,
                      std::array<std::vector<uint8_t>, 2>& storage) {
  ImageShape shape{1, 256, channels, DType::kUint8};
  storage[0].resize(shape.bytes());
  for (size_t i = 0; i < storage[0].size(); ++i)
    storage[0][i] = static_cast<uint8_t>(i / static_cast<size_t>(channels));
  size_t current = 0;
  ResizeScratch scratch;
  for (const size_t i : tables) {
    const Operator& op = *operators[i].op;
    const ImageShape next = op.shape_after(draws[i], shape);
    storage[1 - current].resize(next.bytes());
    op.apply(draws[i], packed_image(storage[current].data(), shape),
             packed_image(storage[1 - current].data(), next), scratch);
    shape = next;
    current = 1 - current;
  }
  return packed_image(static_cast<const uint8_t*>(storage[current].data()), shape);
}

std::string Plan::explain() const {
  std::string text = "decode: " + text_of(decoded_);
  const bool has_region = !segments_.front().spatial.empty();
  text += has_region ? "; only the region that the first crop or resize reads\n" : "; whole images\n";
  for (size_t s = 0; s < segments_.size(); ++s) {
    const Segment& segment = segments_[s];
    const auto list = [&](const std::vector<size_t>& indices) {
      std::string names;
      for (const size_t i : indices) names += "\n    " + describe(operators_[i]);
      return names;
    };
    if (!segment.spatial.empty()) text += "geometry, composed into one pass:" + list(segment.spatial) + "\n";
    if (!segment.tables.empty()) {
      text += segment.has_reduction       ? "table for each sample, after one reading for its reduction:"
              : segment.is_constant_table ? "one table for all samples:"
                                          : "table for each sample:";
      text += list(segment.tables) + "\n";
    }
    if (segment.whole) text += "whole image:" + list({*segment.whole}) + "\n";
    if (!segment.is_last) text += "not fused: " + reasons_[s] + "\n";
  }
  text += "store: flips, " + std::string(segments_.back().tables.empty() ? "" : "table, ") + "cast to " +
          std::string(name_of(dtype_)) + " and layout " + std::string(name_of(options_.layout)) +
          " in one pass; " + text_of({shape_.height, shape_.width, shape_.channels, dtype_}) + " a sample";
  if (shape_.height == 0 || shape_.width == 0) text += " (the size is each image's own)";
  return text + "\n";
}

}  // namespace stoker
