#include "stoker/transform/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/transform/targets.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {
const char* target_in_use() { return hwy::TargetName(HWY_TARGET); }
}  // namespace stoker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>
#include <cstdlib>

#include "stoker/base/error.h"

namespace stoker {
namespace {

HWY_EXPORT(target_in_use);

// Found once, before any target is forced: forcing hides the others.
const std::vector<int64_t>& usable_targets() {
  static const std::vector<int64_t> usable = [] {
    std::vector<int64_t> targets;
    const int64_t supported = hwy::SupportedTargets() & HWY_TARGETS;
    for (int shift = 0; shift < 62; ++shift) {
      const int64_t bit = int64_t{1} << shift;
      if ((supported & bit) != 0) targets.push_back(bit);
    }
    return targets;
  }();
  return usable;
}

const bool kForcedFromEnvironment = [] {
  const char* name = std::getenv("STOKER_TARGET");
  if (name == nullptr || *name == '\0') return false;
  for (const int64_t target : usable_targets()) {
    if (name == std::string(hwy::TargetName(target))) hwy::SetSupportedTargetsForTest(target);
  }
  return true;
}();

}  // namespace

std::vector<std::string> vector_targets() {
  std::vector<std::string> names;
  for (const int64_t target : usable_targets()) names.emplace_back(hwy::TargetName(target));
  return names;
}

std::string vector_target_in_use() { return HWY_DYNAMIC_DISPATCH(target_in_use)(); }

void force_vector_target(const std::string& name) {
  hwy::SetSupportedTargetsForTest(0);
  if (name.empty()) return;
  for (const int64_t target : usable_targets()) {
    if (name != hwy::TargetName(target)) continue;
    hwy::SetSupportedTargetsForTest(target);
    return;
  }
  std::string known;
  for (const std::string& each : vector_targets()) known += (known.empty() ? "" : ", ") + each;
  throw ArgumentError("target: '" + name + "' is not usable here; usable are " + known + ".");
}

}  // namespace stoker
#endif  // HWY_ONCE
