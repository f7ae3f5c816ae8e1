// NumPy's .npy files, by stoker's own reader.
#include "regions.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace stoker::fuzz;
  // Not those of another format, which this target is not about.
  if (size < Choices::kBytes + 6 || data[0] != 0x93 || data[1] != 'N') return -1;
  const std::span<const uint8_t> input(data, size);
  // Without the choices: a .npy with anything behind its end is refused.
  check_region(input.first(size - Choices::kBytes), Choices(input));
  return 0;
}
