#include "stoker/batch/store.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "stoker/base/error.h"
#include "stoker/base/flip_rows.h"
#include "stoker/base/look_up_row.h"
#include "stoker/batch/store_rows.h"

namespace stoker {
namespace {

// Element (y, x, c) of `in` goes through `map` to its place in the slot. One loop for all cases: the
// template parameters leave nothing to decide per element.
template <class In, class Out, int kChannels, class Map>
void store_elements(const Store& store, const ConstImage& in, Out* slot, Map map) {
  const int channels = kChannels > 0 ? kChannels : in.channels();
  const ptrdiff_t step = store.flip_horizontal ? -channels : channels;
  const size_t plane = static_cast<size_t>(in.height()) * static_cast<size_t>(in.width());
  for (int y = 0; y < in.height(); ++y) {
    const In* from = in.row<In>(store.flip_vertical ? in.height() - 1 - y : y);
    if (store.flip_horizontal) from += static_cast<ptrdiff_t>(in.width() - 1) * channels;
    const size_t row = static_cast<size_t>(y) * static_cast<size_t>(in.width());
    if (store.layout == Layout::kHwc) {
      Out* to = slot + row * static_cast<size_t>(channels);
      for (int x = 0; x < in.width(); ++x, from += step) {
        for (int c = 0; c < channels; ++c) *to++ = map(from[c], c);
      }
    } else {
      Out* to = slot + row;
      for (int x = 0; x < in.width(); ++x, from += step, ++to) {
        for (int c = 0; c < channels; ++c) to[static_cast<size_t>(c) * plane] = map(from[c], c);
      }
    }
  }
}

template <class In, class Out, class Map>
void store_channels(const Store& store, const ConstImage& in, void* slot, Map map) {
  auto* out = static_cast<Out*>(slot);
  switch (in.channels()) {
    case 1:
      return store_elements<In, Out, 1>(store, in, out, map);
    case 3:
      return store_elements<In, Out, 3>(store, in, out, map);
    default:
      return store_elements<In, Out, 0>(store, in, out, map);
  }
}

template <class Out>
void store_through_table(const Store& store, const ConstImage& in, void* slot) {
  const auto* entries = reinterpret_cast<const Out*>(store.table->entries.data());
  store_channels<uint8_t, Out>(store, in, slot,
                               [entries](uint8_t value, int c) { return entries[c * 256 + value]; });
}

size_t pixel_count(const ConstImage& in) { return in.shape.bytes() / in.shape.pixel_bytes(); }

// Whether all pixels follow one another, in the order in which they are stored.
bool is_one_row(const Store& store, const ConstImage& in) {
  return !store.flip_horizontal && !store.flip_vertical &&
         in.row_bytes == static_cast<ptrdiff_t>(in.shape.row_bytes());
}

bool has_one_or_three_channels(const ConstImage& in) { return in.channels() == 1 || in.channels() == 3; }

const float* floats_of(const ValueTable& table) {
  return reinterpret_cast<const float*>(table.entries.data());
}

const ValueFormula* formula_of(const ValueTable& table) { return table.formula ? &*table.formula : nullptr; }

// The way of nearly every training image: 8-bit pixels to float32 planes.
void store_in_float_planes(const Store& store, const ConstImage& in, void* slot) {
  const size_t plane = pixel_count(in);
  const auto store_row = [&](const uint8_t* row, size_t width, float* out) {
    store_row_of_floats(row, width, in.channels(), store.flip_horizontal, floats_of(*store.table),
                        formula_of(*store.table), plane, out);
  };
  auto* out = static_cast<float*>(slot);
  if (is_one_row(store, in)) return store_row(in.row<uint8_t>(0), plane, out);
  const auto width = static_cast<size_t>(in.width());
  for (int y = 0; y < in.height(); ++y, out += width)
    store_row(in.row<uint8_t>(store.flip_vertical ? in.height() - 1 - y : y), width, out);
}

// Pixels of a row that are mirrored or looked up in a piece of memory that stays in the nearest cache.
constexpr int kPiecePixels = 1024;

// Calls `take(pixels, count, x)` for pieces of row y as it is stored, x being the first one's place in it.
template <class Take>
void for_each_piece(const Store& store, const ConstImage& in, int y, Take take) {
  const auto pixel_bytes = in.shape.pixel_bytes();
  const auto* row = in.row<uint8_t>(store.flip_vertical ? in.height() - 1 - y : y);
  std::array<uint8_t, 3 * kPiecePixels> piece;
  for (int x = 0; x < in.width(); x += kPiecePixels) {
    const auto count = static_cast<size_t>(std::min(kPiecePixels, in.width() - x));
    const uint8_t* pixels = row + static_cast<size_t>(x) * pixel_bytes;
    if (store.flip_horizontal) {
      pixels = row + (static_cast<size_t>(in.width() - x) - count) * pixel_bytes;
      flip_rows({pixels, 0, piece.data(), 0, count, 1}, pixel_bytes);
      pixels = piece.data();
    }
    take(pixels, count, static_cast<size_t>(x));
  }
}

// uint8 pixels of one or three channels to float32, channels last.
void store_in_float_pixels(const Store& store, const ConstImage& in, void* slot) {
  const auto channels = static_cast<size_t>(in.channels());
  auto* out = static_cast<float*>(slot);
  const auto take = [&](const uint8_t* pixels, size_t count, size_t) {
    store_values_of_floats(pixels, count * channels, in.channels(), floats_of(*store.table),
                           formula_of(*store.table), out);
    out += count * channels;
  };
  if (is_one_row(store, in)) return take(in.row<uint8_t>(0), pixel_count(in), 0);
  for (int y = 0; y < in.height(); ++y) for_each_piece(store, in, y, take);
}

// Tables of bytes that look_up_row() needs for `channels`: most operators treat all of them alike, and one
// table spares taking the channels apart.
size_t distinct_tables(const ValueTable& table, size_t channels) {
  const uint8_t* entries = table.entries.data();
  return std::memcmp(entries, entries + 256, 256 * (channels - 1)) == 0 ? 1 : channels;
}

// uint8 pixels of three channels to planes of uint8, with or without a table.
void store_in_byte_planes(const Store& store, const ConstImage& in, void* slot) {
  const auto width = static_cast<size_t>(in.width());
  const size_t plane = static_cast<size_t>(in.height()) * width;
  const size_t tables = store.table == nullptr ? 0 : distinct_tables(*store.table, 3);
  std::array<uint8_t, 3 * kPiecePixels> looked_up;
  auto* out = static_cast<uint8_t*>(slot);
  for (int y = 0; y < in.height(); ++y, out += width) {
    for_each_piece(store, in, y, [&](const uint8_t* pixels, size_t count, size_t x) {
      if (store.table != nullptr) {
        look_up_row(pixels, count, 3, store.table->entries.data(), tables, looked_up.data());
        pixels = looked_up.data();
      }
      store_row_in_planes(pixels, count, plane, out + x);
    });
  }
}

// Pixels that stay together and keep their dtype, through a table of bytes or none.
void store_pixels(const Store& store, const ConstImage& in, void* slot) {
  const auto width = static_cast<size_t>(in.width());
  const size_t tables =
      store.table == nullptr ? 0 : distinct_tables(*store.table, static_cast<size_t>(in.channels()));
  const size_t row_bytes = in.shape.row_bytes();
  auto* out = static_cast<uint8_t*>(slot);
  if (is_one_row(store, in) && store.table != nullptr) {
    return look_up_row(in.row<uint8_t>(0), pixel_count(in), in.channels(), store.table->entries.data(),
                       tables, out);
  }
  if (store.flip_horizontal && store.table == nullptr) {
    const auto* first = in.row<uint8_t>(store.flip_vertical ? in.height() - 1 : 0);
    const ptrdiff_t step = store.flip_vertical ? -in.row_bytes : in.row_bytes;
    const auto height = static_cast<size_t>(in.height());
    return flip_rows({first, step, out, static_cast<ptrdiff_t>(row_bytes), width, height},
                     in.shape.pixel_bytes());
  }
  for (int y = 0; y < in.height(); ++y, out += row_bytes) {
    const auto* row = in.row<uint8_t>(store.flip_vertical ? in.height() - 1 - y : y);
    if (store.flip_horizontal) flip_rows({row, 0, out, 0, width, 1}, in.shape.pixel_bytes());
    if (store.table != nullptr) {
      const uint8_t* from = store.flip_horizontal ? out : row;
      look_up_row(from, width, in.channels(), store.table->entries.data(), tables, out);
    } else if (!store.flip_horizontal) {
      std::memcpy(out, row, row_bytes);
    }
  }
}

template <class Element>
void store_unchanged(const Store& store, const ConstImage& in, void* slot) {
  store_channels<Element, Element>(store, in, slot, [](Element value, int) { return value; });
}

// The table in which every value is its own float, of three channels.
const ValueTable& table_of_values() {
  static const ValueTable table = [] {
    ValueTable made;
    std::vector<uint8_t> ramp(3 * 256);
    for (size_t i = 0; i < ramp.size(); ++i) ramp[i] = static_cast<uint8_t>(i / 3);
    made.assign(packed_image(static_cast<const void*>(ramp.data()), ImageShape{1, 256, 3, DType::kUint8}),
                DType::kFloat32);
    made.find_formula();
    return made;
  }();
  return table;
}

template <class In>
void store_cast(const Store& store, const ConstImage& in, void* slot) {
  switch (store.dtype) {
    case DType::kFloat32:
      return store_channels<In, float>(store, in, slot, [](In v, int) { return static_cast<float>(v); });
    case DType::kFloat16:
      return store_channels<In, uint16_t>(store, in, slot,
                                          [](In v, int) { return to_float16(static_cast<float>(v)); });
    case DType::kBfloat16:
      return store_channels<In, uint16_t>(store, in, slot,
                                          [](In v, int) { return to_bfloat16(static_cast<float>(v)); });
    default:
      STOKER_CHECK(!"a cast that the plan allows");
  }
}

// Calls `store_as` with a value of the element type of `dtype`.
template <class StoreAs>
void with_element(DType dtype, StoreAs store_as) {
  switch (dtype) {
    case DType::kBool:
    case DType::kUint8:
      return store_as(uint8_t{});
    case DType::kInt8:
      return store_as(int8_t{});
    case DType::kUint16:
      return store_as(uint16_t{});
    case DType::kInt16:
      return store_as(int16_t{});
    case DType::kInt32:
      return store_as(int32_t{});
    case DType::kUint32:
      return store_as(uint32_t{});
    case DType::kInt64:
      return store_as(int64_t{});
    case DType::kUint64:
      return store_as(uint64_t{});
    case DType::kFloat32:
      return store_as(float{});
    case DType::kFloat64:
      return store_as(double{});
    default:
      STOKER_CHECK(!"a cast that the plan allows");
  }
}

bool keeps_pixels(const Store& store, const ConstImage& in) {
  return store.layout == Layout::kHwc || in.channels() == 1;
}

void store_same_dtype(const Store& store, const ConstImage& in, void* slot) {
  if (keeps_pixels(store, in)) return store_pixels(store, in, slot);
  switch (size_of(store.dtype)) {
    case 1:
      if (in.channels() == 3) return store_in_byte_planes(store, in, slot);
      return store_unchanged<uint8_t>(store, in, slot);
    case 2:
      return store_unchanged<uint16_t>(store, in, slot);
    case 4:
      return store_unchanged<uint32_t>(store, in, slot);
    default:
      return store_unchanged<uint64_t>(store, in, slot);
  }
}

}  // namespace

std::string_view name_of(Layout layout) { return layout == Layout::kChw ? "chw" : "hwc"; }

void ValueTable::assign(const ConstImage& ramp, DType wanted) {
  STOKER_CHECK(ramp.height() == 1 && ramp.width() == 256);
  dtype = wanted;
  formula.reset();
  entries.resize(static_cast<size_t>(ramp.channels()) * 256 * size_of(wanted));
  switch (ramp.shape.dtype) {
    case DType::kUint8:
      return take<uint8_t>(ramp);
    case DType::kUint16:
      return take<uint16_t>(ramp);
    default:
      STOKER_CHECK(ramp.shape.dtype == DType::kFloat32);
      take<float>(ramp);
  }
}

// A table is made anew for every sample, so that nothing is decided for each entry.
template <class In>
void ValueTable::take(const ConstImage& ramp) {
  const auto fill = [&]<class Out>(Out*, auto map) {
    auto* entry = reinterpret_cast<Out*>(entries.data());
    const int channels = ramp.channels();
    for (int c = 0; c < channels; ++c) {
      const In* level = ramp.row<In>(0) + c;
      for (int v = 0; v < 256; ++v, level += channels) *entry++ = map(*level);
    }
  };
  const auto float_of = [](In level) { return static_cast<float>(level); };
  switch (dtype) {
    case DType::kFloat32:
      return fill(static_cast<float*>(nullptr), float_of);
    case DType::kFloat16:
      return fill(static_cast<uint16_t*>(nullptr), [&](In level) { return to_float16(float_of(level)); });
    case DType::kBfloat16:
      return fill(static_cast<uint16_t*>(nullptr), [&](In level) { return to_bfloat16(float_of(level)); });
    default:  // integers as they are
      STOKER_CHECK(dtype == ramp.shape.dtype);
      fill(static_cast<In*>(nullptr), [](In level) { return level; });
  }
}

void ValueTable::find_formula() {
  const size_t channels = entries.size() / (256 * size_of(dtype));
  if (dtype != DType::kFloat32 || (channels != 1 && channels != 3)) return;
  formula = formula_of(floats_of(*this), static_cast<int>(channels));
}

const uint8_t* ValueTable::channel(int c) const {
  return entries.data() + static_cast<size_t>(c) * 256 * size_of(dtype);
}

void store_image(const Store& store, const ConstImage& in, void* slot) {
  if (store.table != nullptr) {
    STOKER_CHECK(in.shape.dtype == DType::kUint8 && store.table->dtype == store.dtype);
    switch (store.dtype) {
      case DType::kUint8:
        if (keeps_pixels(store, in)) return store_pixels(store, in, slot);
        if (in.channels() == 3) return store_in_byte_planes(store, in, slot);
        return store_through_table<uint8_t>(store, in, slot);
      case DType::kFloat32:
        if (has_one_or_three_channels(in)) {
          return store.layout == Layout::kChw ? store_in_float_planes(store, in, slot)
                                              : store_in_float_pixels(store, in, slot);
        }
        return store_through_table<float>(store, in, slot);
      default:
        return store_through_table<uint16_t>(store, in, slot);
    }
  }
  if (in.shape.dtype == store.dtype) return store_same_dtype(store, in, slot);
  if (in.shape.dtype == DType::kUint8 && store.dtype == DType::kFloat32 && has_one_or_three_channels(in)) {
    Store looking_up = store;
    looking_up.table = &table_of_values();
    return store_image(looking_up, in, slot);
  }
  with_element(in.shape.dtype, [&](auto element) { store_cast<decltype(element)>(store, in, slot); });
}

uint16_t to_bfloat16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7FFFFFFF) > 0x7F800000) return static_cast<uint16_t>((bits >> 16) | 0x40);  // NaN stays NaN
  return static_cast<uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

uint16_t to_float16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>((bits >> 16) & 0x8000);
  const uint32_t magnitude = bits & 0x7FFFFFFF;
  if (magnitude > 0x7F800000) return sign | 0x7E00;
  if (magnitude >= 0x477FF000) return sign | 0x7C00;  // rounds to 65536 or more: infinity
  if (magnitude >= 0x38800000) {                      // normal
    const uint32_t rebased = magnitude - 0x38000000;
    return static_cast<uint16_t>(sign | ((rebased + 0xFFF + ((rebased >> 13) & 1)) >> 13));
  }
  // Subnormal: adding 0.5 leaves exactly ten bits below the point, rounded by the FPU.
  const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
  return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3F000000));
}

}  // namespace stoker
