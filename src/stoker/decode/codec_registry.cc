#include <algorithm>

#include "stoker/decode/decoder.h"

namespace stoker {
namespace {

// Inside a function because codecs register from static initialisers, whose order across files is open.
std::vector<Codec>& registry() {
  static std::vector<Codec> registered;
  return registered;
}

}  // namespace

RegisterCodec::RegisterCodec(const Codec& codec) {
  std::vector<Codec>& all = registry();
  const auto place = std::lower_bound(all.begin(), all.end(), codec,
                                      [](const Codec& a, const Codec& b) { return a.name < b.name; });
  all.insert(place, codec);
}

std::string_view name_of(DecodeRoute route) {
  constexpr std::string_view kNames[kDecodeRouteCount] = {"only_way",   "own",     "asked",    "progressive",
                                                          "arithmetic", "color",   "sampling", "scans",
                                                          "no_end",     "damaged", "extreme"};
  return kNames[static_cast<int>(route)];
}

const std::vector<Codec>& codecs() { return registry(); }

}  // namespace stoker
