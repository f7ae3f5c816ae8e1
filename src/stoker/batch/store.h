// The one pass that writes a sample into its slot: flip, table, cast and layout together.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "stoker/base/image.h"
#include "stoker/batch/value_formula.h"

namespace stoker {

enum class Layout : uint8_t { kChw, kHwc };

std::string_view name_of(Layout layout);

// What every 8-bit value of every channel becomes: channels x 256 elements of `dtype`.
struct ValueTable {
  DType dtype = DType::kFloat32;
  std::vector<uint8_t> entries;
  std::optional<ValueFormula> formula;  // gives the entries, to the bit

  // From `ramp`, a 1 x 256 x C image of uint8, uint16 or float32 whose pixel v holds what v becomes.
  // `dtype` is that of a ramp of integers, float16, bfloat16 or float32; floats round to nearest even.
  void assign(const ConstImage& ramp, DType dtype);
  // Looks for a formula, which takes some microseconds: for tables that serve many samples.
  void find_formula();
  const uint8_t* channel(int c) const;

 private:
  template <class In>
  void take(const ConstImage& ramp);
};

struct Store {
  bool flip_horizontal = false;
  bool flip_vertical = false;
  Layout layout = Layout::kChw;
  DType dtype = DType::kFloat32;      // of the slot
  const ValueTable* table = nullptr;  // for uint8 pixels; its dtype is the slot's
};

// Writes `in` to `slot` of in.height x in.width x in.channels elements of store.dtype. Without a table the
// dtypes are equal, or pixels of any dtype but the half floats are cast to float16, bfloat16 or float32.
void store_image(const Store& store, const ConstImage& in, void* slot);

// float32 to the nearest float16 or bfloat16, halves to even.
uint16_t to_float16(float value);
uint16_t to_bfloat16(float value);

}  // namespace stoker
