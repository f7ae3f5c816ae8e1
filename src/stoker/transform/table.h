// For operators of class kTable: walks every value of an image, channel by channel.
#pragma once

#include "stoker/transform/operator.h"

namespace stoker {

// out(y, x, c) = map(in(y, x, c), c). In and Out are the element types of the two views.
template <class In, class Out, class Map>
void map_values(const ConstImage& in, const Image& out, Map map) {
  const int channels = in.channels();
  for (int y = 0; y < in.height(); ++y) {
    const In* from = in.row<In>(y);
    Out* to = out.row<Out>(y);
    for (int x = 0; x < in.width(); ++x) {
      for (int c = 0; c < channels; ++c) *to++ = map(*from++, c);
    }
  }
}

// The same where the channel does not matter: one loop over a row, which compilers turn into vectors.
template <class In, class Out, class Map>
void map_values_alike(const ConstImage& in, const Image& out, Map map) {
  const ptrdiff_t count = static_cast<ptrdiff_t>(in.width()) * in.channels();
  for (int y = 0; y < in.height(); ++y) {
    const In* from = in.row<In>(y);
    Out* to = out.row<Out>(y);
    for (ptrdiff_t i = 0; i < count; ++i) to[i] = map(from[i]);
  }
}

// Entry for channel c of a list with one number for all channels or one a channel.
inline double for_channel(const std::vector<double>& list, int c) {
  return list[list.size() == 1 ? 0 : static_cast<size_t>(c)];
}

}  // namespace stoker
