// The kernels of mix_up: before * other + own * own_share, each step rounded to the dtype, into `image`.
#pragma once

#include <cstddef>
#include <cstdint>

namespace stoker {

void mix_floats(const float* before, size_t count, float own, float other, float* image);
void mix_float16(const uint16_t* before, size_t count, float own, float other, uint16_t* image);
void mix_bfloat16(const uint16_t* before, size_t count, float own, float other, uint16_t* image);

}  // namespace stoker
