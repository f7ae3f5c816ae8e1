#include "stoker/transform/single.h"

namespace stoker {

// In a file of its own, so that it is never inlined: where two roundings stand side by side, GCC
// 12 (-O2 and above, unless -fno-tree-slp-vectorize) makes a vector of them and leaves the roundings out.
double to_single(double value) { return static_cast<double>(static_cast<float>(value)); }

}  // namespace stoker
