// The instruction sets that vector code was compiled for, and the choice among them at run time.
#pragma once

#include <string>
#include <vector>

namespace stoker {

// Compiled in and supported by this CPU, best first, as Highway names them ("AVX2").
std::vector<std::string> vector_targets();

// The one that kernels run with now.
std::string vector_target_in_use();

// Uses only `name` from now on, in all kernels; empty means the best again. Throws ArgumentError for one
// that is not in vector_targets(). Not while a run is working. The variable STOKER_TARGET does the same
// at start-up.
void force_vector_target(const std::string& name);

}  // namespace stoker
