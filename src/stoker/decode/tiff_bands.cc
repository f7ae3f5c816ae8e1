#include "stoker/decode/tiff_bands.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>

#include "stoker/decode/codec_error.h"
#include "stoker/decode/narrow.h"

namespace stoker {
namespace {

SampleError unsupported(std::string_view step, std::string found, std::string hint) {
  SampleError error = codec_error(step, SampleErrorCode::kUnsupported, std::move(found));
  error.hint = std::move(hint);
  return error;
}

template <class T>
void copy_each(const SampleCopy& copy, const uint8_t* from, uint8_t* to, int count) {
  for (int i = 0; i < count; ++i, from += copy.from_step_bytes, to += copy.to_step_bytes) {
    for (int s = 0; s < copy.samples; ++s) {
      T sample;
      std::memcpy(&sample, from + s * sizeof(T), sizeof(T));
      if (copy.swaps_bytes) {
        if constexpr (sizeof(T) == 2) sample = __builtin_bswap16(sample);
        if constexpr (sizeof(T) == 4) sample = __builtin_bswap32(sample);
      }
      std::memcpy(to + s * sizeof(T), &sample, sizeof(T));
    }
  }
}

}  // namespace

template <class From, class To, class Narrow>
struct BandConversion {
  static void run(const BandConverter& self, const uint8_t* from_bytes, int width, uint8_t* to_bytes) {
    const auto* from = reinterpret_cast<const From*>(from_bytes);
    auto* to = reinterpret_cast<To*>(to_bytes);
    const int step = self.used_bands_;
    if (step != 1 && step == self.channels_ && !self.is_bgr_) {
      for (int i = 0; i < width * step; ++i) to[i] = Narrow::narrow(from[i]);
    } else if (step == 3 && self.channels_ == 3) {
      for (int x = 0; x < width; ++x, from += 3, to += 3) {
        to[0] = Narrow::narrow(from[2]);
        to[1] = Narrow::narrow(from[1]);
        to[2] = Narrow::narrow(from[0]);
      }
    } else if (step == 3) {
      for (int x = 0; x < width; ++x, from += 3) to[x] = gray_of<Narrow>(from);
    } else if (self.channels_ == 3) {
      for (int x = 0; x < width; ++x, to += 3) to[0] = to[1] = to[2] = Narrow::narrow(from[x]);
    } else {
      for (int x = 0; x < width; ++x) to[x] = Narrow::narrow(from[x]);
    }
  }
};

template <class T>
BandConverter::Run BandConverter::keep() {
  return BandConversion<T, T, Keep>::run;
}

Failure BandConverter::choose(std::string_view step, const BandFormat& format, const DecodeOptions& options,
                              ImageShape* shape) {
  const bool is_unchanged = options.color == Color::kUnchanged;
  const bool is_narrow = format.dtype == DType::kUint8;
  const bool has_colors = format.bands >= 3;
  used_bands_ = is_unchanged ? format.bands : has_colors ? 3 : 1;
  channels_ = is_unchanged ? format.bands : options.color == Color::kGray ? 1 : 3;
  is_bgr_ = options.color == Color::kBgr;
  is_copy_ = false;
  keeps_values_ = true;
  shape->dtype = format.dtype;

  if (format.palette != nullptr || (format.is_inverted && !is_unchanged)) {
    used_bands_ = 1;
    channels_ = options.color == Color::kGray ? 1 : 3;
    keeps_values_ = false;
    for (int i = 0; i < 256; ++i) {
      const auto inverse = static_cast<uint8_t>(255 - i);
      const uint8_t inverted[3] = {inverse, inverse, inverse};
      const uint8_t* color = format.palette != nullptr ? format.palette[i] : inverted;
      std::memcpy(table_[i], color, 3);
      if (is_bgr_) std::swap(table_[i][0], table_[i][2]);
      if (channels_ == 1) table_[i][0] = static_cast<uint8_t>(luma(color[0], color[1], color[2]));
    }
    run_ = look_up;
  } else if (!is_narrow && !options.keep_wide) {
    if (format.dtype != DType::kUint16) {
      return unsupported(step,
                         std::string(name_of(format.dtype)) +
                             " samples, which have no rule to become uint8 (uint8 and uint16 do)",
                         "load with dtype=\"auto\", which keeps the file's dtype, and scale in an operator");
    }
    shape->dtype = DType::kUint8;
    keeps_values_ = false;
    run_ = options.rule == ConversionRule::kRounded ? BandConversion<uint16_t, uint8_t, Round>::run
           : format.bands == 1                      ? BandConversion<uint16_t, uint8_t, CutOff>::run
                                                    : BandConversion<uint16_t, uint8_t, HighByte>::run;
  } else {
    run_ = is_narrow                         ? keep<uint8_t>()
           : format.dtype == DType::kUint16  ? keep<uint16_t>()
           : format.dtype == DType::kInt16   ? keep<int16_t>()
           : format.dtype == DType::kInt32   ? keep<int32_t>()
           : format.dtype == DType::kFloat32 ? keep<float>()
                                             : nullptr;
    STOKER_CHECK(run_ != nullptr);
    is_copy_ = used_bands_ == channels_ && !is_bgr_;
    if (is_copy_) run_ = copy;
  }
  if (options.color == Color::kGray && used_bands_ == 3 && !is_narrow && format.dtype != DType::kUint16) {
    return unsupported(
        step,
        "grey of " + std::string(name_of(format.dtype)) + " samples; luma weights are for uint8 and uint16",
        "load with color=\"unchanged\", which gives all bands");
  }
  shape->channels = channels_;
  pixel_bytes_ = shape->pixel_bytes();
  if (static_cast<int64_t>(shape->bytes()) > options.limits.max_pixel_bytes) {
    return codec_error(step, SampleErrorCode::kTooLarge,
                       std::to_string(shape->width) + " x " + std::to_string(shape->height) + " px of " +
                           std::to_string(pixel_bytes_) + " bytes; at most " +
                           std::to_string(options.limits.max_pixel_bytes) + " bytes allowed");
  }
  return std::nullopt;
}

void BandConverter::copy(const BandConverter& self, const uint8_t* from, int width, uint8_t* to) {
  std::memcpy(to, from, static_cast<size_t>(width) * self.pixel_bytes_);
}

void BandConverter::look_up(const BandConverter& self, const uint8_t* from, int width, uint8_t* to) {
  for (int x = 0; x < width; ++x, to += self.channels_) {
    std::memcpy(to, self.table_[from[x]], static_cast<size_t>(self.channels_));
  }
}

void copy_samples(const SampleCopy& copy, const uint8_t* from, uint8_t* to, int count) {
  const size_t pixel_bytes = static_cast<size_t>(copy.samples) * static_cast<size_t>(copy.sample_bytes);
  const bool swaps = copy.swaps_bytes && copy.sample_bytes > 1;
  if (!swaps && copy.from_step_bytes == pixel_bytes && copy.to_step_bytes == pixel_bytes) {
    std::memcpy(to, from, static_cast<size_t>(count) * pixel_bytes);
  } else if (copy.sample_bytes == 1) {
    copy_each<uint8_t>(copy, from, to, count);
  } else if (copy.sample_bytes == 2) {
    copy_each<uint16_t>(copy, from, to, count);
  } else {
    copy_each<uint32_t>(copy, from, to, count);
  }
}

}  // namespace stoker
