#include "stoker/decode/png_convert.h"

#include <algorithm>
#include <cstring>

#include "stoker/decode/narrow.h"

namespace stoker {
namespace {

bool is_wide(const PngSession& session) { return session.bit_depth == 16; }

// Whether the colours of a palette take the place of their numbers.
bool uses_palette(const PngSession& session, const DecodeOptions& options) {
  return session.color_type == PNG_COLOR_TYPE_PALETTE &&
         !(options.color == Color::kUnchanged && options.keep_palette_numbers);
}

}  // namespace

template <class From, class To, class Narrow>
struct SampleConversion {
  static void run(const PngConverter& self, const uint8_t* from_bytes, int width, uint8_t* to_bytes) {
    const auto* from = reinterpret_cast<const From*>(from_bytes);
    auto* to = reinterpret_cast<To*>(to_bytes);
    const int step = self.from_channels_;
    if (self.to_channels_ == 3 && step >= 3) {
      const int red = self.is_bgr_ ? 2 : 0;
      for (int x = 0; x < width; ++x, from += step, to += 3) {
        to[red] = Narrow::narrow(from[0]);
        to[1] = Narrow::narrow(from[1]);
        to[2 - red] = Narrow::narrow(from[2]);
      }
    } else if (self.to_channels_ == 3) {
      for (int x = 0; x < width; ++x, from += step, to += 3) to[0] = to[1] = to[2] = Narrow::narrow(from[0]);
    } else if (self.to_channels_ == 1 && step >= 3) {
      for (int x = 0; x < width; ++x, from += step) to[x] = gray_of<Narrow>(from);
    } else if (self.to_channels_ == 1) {
      for (int x = 0; x < width; ++x, from += step) to[x] = Narrow::narrow(from[0]);
    } else {  // all channels of the file
      for (int i = 0; i < width * step; ++i) to[i] = Narrow::narrow(from[i]);
    }
  }
};

ImageShape png_shape(const PngSession& session, const DecodeOptions& options) {
  ImageShape shape{.height = session.height, .width = session.width, .channels = 3};
  if (options.color == Color::kGray) shape.channels = 1;
  if (options.color == Color::kUnchanged) {
    shape.channels = session.file_channels;
    if (uses_palette(session, options)) shape.channels = session.has_palette_alpha ? 4 : 3;
  }
  shape.dtype = options.keep_wide && is_wide(session) ? DType::kUint16 : DType::kUint8;
  return shape;
}

void PngConverter::choose(const PngSession& session, const DecodeOptions& options) {
  const ImageShape shape = png_shape(session, options);
  from_channels_ = session.file_channels;
  to_channels_ = shape.channels;
  is_bgr_ = options.color == Color::kBgr;
  from_pixel_bytes_ = static_cast<size_t>(from_channels_) * (is_wide(session) ? 2 : 1);
  is_copy_ = false;

  if (uses_palette(session, options)) {
    for (int i = 0; i < 256; ++i) {
      const uint8_t* color = session.palette[i];
      std::memcpy(table_[i], color, 4);
      if (is_bgr_) std::swap(table_[i][0], table_[i][2]);
      if (to_channels_ == 1) table_[i][0] = static_cast<uint8_t>(luma(color[0], color[1], color[2]));
    }
    run_ = look_up;
    return;
  }
  if (!is_wide(session) || shape.dtype == DType::kUint16) {
    is_copy_ = from_channels_ == to_channels_ && !is_bgr_;
    run_ = is_wide(session) ? SampleConversion<uint16_t, uint16_t, Keep>::run
                            : SampleConversion<uint8_t, uint8_t, Keep>::run;
    if (is_copy_) run_ = copy;
  } else if (options.rule == ConversionRule::kRounded) {
    run_ = SampleConversion<uint16_t, uint8_t, Round>::run;
  } else if (session.color_type == PNG_COLOR_TYPE_GRAY) {
    run_ = SampleConversion<uint16_t, uint8_t, CutOff>::run;
  } else {
    run_ = SampleConversion<uint16_t, uint8_t, HighByte>::run;
  }
}

void PngConverter::copy(const PngConverter& self, const uint8_t* from, int width, uint8_t* to) {
  std::memcpy(to, from, width * self.from_pixel_bytes_);
}

void PngConverter::look_up(const PngConverter& self, const uint8_t* from, int width, uint8_t* to) {
  for (int x = 0; x < width; ++x, to += self.to_channels_) {
    std::memcpy(to, self.table_[from[x]], static_cast<size_t>(self.to_channels_));
  }
}

}  // namespace stoker
