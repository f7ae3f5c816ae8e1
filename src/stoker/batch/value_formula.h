// Tables of floats whose entries arithmetic gives to the bit: computing is sooner than looking up, most of
// all on processors that gather slowly.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace stoker {

// What value v of channel c becomes, every step rounded to float32. The forms are those of normalisation:
// Albumentations multiplies levels, torchvision divides after ToTensor (levels / 255) or after ToDtype with
// scale=True (levels * (1 / 255)).
struct ValueFormula {
  enum class Form : uint8_t {
    kLevels,      // (v - shift[c]) * factor[c]
    kDivided,     // (v / 255 - shift[c]) / factor[c]
    kMultiplied,  // (v * (1 / 255) - shift[c]) / factor[c]
  };
  Form form = Form::kLevels;
  std::array<float, 3> shift{};
  std::array<float, 3> factor{};
};

// The formula that gives each of the 256 entries of `channels` (1 or 3) tables, one behind the other, to the
// bit with the kernels of store_rows.h on this processor; nullopt where none is found.
std::optional<ValueFormula> formula_of(const float* table, int channels);

}  // namespace stoker
