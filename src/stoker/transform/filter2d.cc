#include "stoker/transform/filter2d.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "stoker/base/error.h"
#include "stoker/transform/filter_rows.h"

namespace stoker {
namespace {

// How OpenCV rounds halves of an integer result.
enum class Halves : uint8_t {
  kEven,
  kUp,
  kUpInTail,  // even in its vectors of 16 samples, up in what is left of a row
};

struct Separable {
  std::vector<float> x_weights;
  std::vector<float> y_weights;
  Halves halves = Halves::kEven;
};

bool is_near(double a, double b, double tolerance) { return std::abs(a - b) <= tolerance; }

// Note [sums in fixed point]
// OpenCV sums in integers where every tap is a multiple of 1/256. Such sums stay below 2^24 units of 1/65536,
// so that float32 holds them exactly, and only the rounding of halves differs.
bool is_fixed_point(const std::vector<double>& taps) {
  constexpr double kEpsilon = std::numeric_limits<float>::epsilon();
  double sum = 0;
  bool are_all_integers = true;
  for (const double tap : taps) {
    sum += tap;
    if (tap < 0 || !is_near(tap * 256, std::rint(tap * 256), 10 * kEpsilon * 256)) return false;
    are_all_integers = are_all_integers && tap == std::rint(tap);
  }
  return !are_all_integers && is_near(sum, 1, kEpsilon * (sum + 1));
}

std::vector<float> in_float(const std::vector<double>& taps, bool fixed_point) {
  std::vector<float> out;
  for (const double tap : taps) {
    out.push_back(static_cast<float>(fixed_point ? std::rint(tap * 256) / 256 : tap));
  }
  return out;
}

Separable plan_separable(const std::vector<double>& x_taps, const std::vector<double>& y_taps, DType dtype) {
  STOKER_CHECK(x_taps.size() % 2 == 1 && y_taps.size() % 2 == 1);
  const bool fixed_point = dtype == DType::kUint8 && is_fixed_point(x_taps) && is_fixed_point(y_taps);
  return {in_float(x_taps, fixed_point), in_float(y_taps, fixed_point),
          fixed_point ? Halves::kUpInTail : Halves::kEven};
}

// Where OpenCV's vectors of `samples` end in a row of the chunk of channels that holds channel `c`;
// Albumentations gives it at most 4 channels at a time, and never 2 of more than 4.
bool is_in_tail(int x, int c, int width, int channels, int samples) {
  int first = channels > 4 ? c / 4 * 4 : 0;
  int chunk = channels > 4 ? std::min(4, channels - first) : channels;
  if (channels > 4 && chunk == 2) {
    first = c;
    chunk = 1;
  }
  const int64_t row = static_cast<int64_t>(width) * chunk;
  return static_cast<int64_t>(x) * chunk + c - first >= row / samples * samples;
}

// Calls `change` with the place of every sample in such a tail.
template <class Change>
void for_tail(const ImageShape& shape, int samples, Change change) {
  for (int x = std::max(0, shape.width - samples); x < shape.width; ++x) {
    for (int c = 0; c < shape.channels; ++c) {
      if (is_in_tail(x, c, shape.width, shape.channels, samples))
        change(static_cast<size_t>(x) * static_cast<size_t>(shape.channels) + static_cast<size_t>(c));
    }
  }
}

float half_up(float value) { return std::floor(value + 0.5f); }

// OpenCV has a filter of its own for short symmetric rows of floats.
bool is_short_float_row(size_t tap_count, DType dtype) {
  return dtype == DType::kFloat32 && (tap_count == 3 || tap_count == 5);
}
constexpr int kShortRowSamples = 2;
constexpr int kIntegerRowSamples = 16;

// One row through the x kernel. `padded` begins x_weights.size() / 2 pixels before the image.
class RowFilter {
 public:
  RowFilter(const Separable& plan, const ImageShape& shape)
      : shape_(shape),
        weights_(plan.x_weights),
        count_(static_cast<size_t>(shape.width) * static_cast<size_t>(shape.channels)),
        stride_(static_cast<size_t>(shape.channels)),
        taps_(weights_.size()) {
    const size_t radius = weights_.size() / 2;
    half_.assign(weights_.begin() + static_cast<ptrdiff_t>(radius), weights_.end());
  }

  void operator()(const float* padded, float* out) {
    for (size_t t = 0; t < taps_.size(); ++t) taps_[t] = padded + t * stride_;
    if (!is_short_float_row(weights_.size(), shape_.dtype)) {
      weigh_taps(taps_.data(), weights_.data(), weights_.size(), count_, out);
      return;
    }
    const size_t radius = weights_.size() / 2;
    const float* before[2] = {taps_[radius - 1], taps_[0]};
    const float* after[2] = {taps_[radius + 1], taps_.back()};
    weigh_pairs(taps_[radius], before, after, half_.data(), radius, true, count_, out);
    for_tail(shape_, kShortRowSamples, [&](size_t at) {
      float sum = taps_[radius][at] * half_[0];
      for (size_t j = 0; j < radius; ++j) sum = std::fma(after[j][at] + before[j][at], half_[j + 1], sum);
      out[at] = sum;
    });
  }

 private:
  ImageShape shape_;
  std::vector<float> weights_;
  std::vector<float> half_;
  size_t count_;
  size_t stride_;
  std::vector<const float*> taps_;
};

void round_halves(Halves halves, const ImageShape& shape, size_t count, float* sums) {
  if (halves == Halves::kUp) {
    round_half_up(sums, count);
  } else if (halves == Halves::kUpInTail) {
    for_tail(shape, kIntegerRowSamples, [&](size_t at) { sums[at] = half_up(sums[at]); });
  }
}

void run_separable(const ConstImage& in, const Separable& plan, const Image& out, ResizeScratch& scratch) {
  const auto channels = static_cast<size_t>(in.channels());
  const size_t count = static_cast<size_t>(in.width()) * channels;
  const int x_radius = static_cast<int>(plan.x_weights.size() / 2);
  const int y_radius = static_cast<int>(plan.y_weights.size() / 2);
  const size_t slots = plan.y_weights.size();
  const size_t padded_floats = count + 2 * static_cast<size_t>(x_radius) * channels + kRowSlackFloats;
  const size_t row_floats = count + kRowSlackFloats;
  auto* const padded = reinterpret_cast<float*>(
      scratch.rows.reserve((padded_floats + (slots + 1) * row_floats) * sizeof(float)));
  float* const sums = padded + padded_floats;
  float* const ring = sums + row_floats;
  const auto row_at = [&](int y) {  // y from -y_radius
    return ring + static_cast<size_t>(y + y_radius) % slots * row_floats;
  };

  const std::vector<float> half(plan.y_weights.begin() + y_radius, plan.y_weights.end());
  std::vector<const float*> before(static_cast<size_t>(y_radius));
  std::vector<const float*> after(static_cast<size_t>(y_radius));
  RowFilter filter_row(plan, in.shape);
  int next = -y_radius;
  for (int y = 0; y < in.height(); ++y) {
    for (; next <= y + y_radius; ++next) {
      widen_row(in, next, x_radius, x_radius, Border::kReflect101, padded);
      filter_row(padded, row_at(next));
    }
    for (int j = 0; j < y_radius; ++j) {
      before[static_cast<size_t>(j)] = row_at(y - j - 1);
      after[static_cast<size_t>(j)] = row_at(y + j + 1);
    }
    if (in.shape.dtype == DType::kUint8 && plan.halves == Halves::kEven) {
      weigh_pairs_to_bytes(row_at(y), before.data(), after.data(), half.data(), before.size(), count,
                           out.row<uint8_t>(y));
      continue;
    }
    weigh_pairs(row_at(y), before.data(), after.data(), half.data(), before.size(), false, count, sums);
    round_halves(plan.halves, in.shape, count, sums);
    narrow_row(sums, count, in.shape.dtype, out.row<uint8_t>(y));
  }
}

float sample_at(const ConstImage& in, int64_t y, int64_t x, int c) {
  const int row = border_index(y, in.height(), Border::kReflect101);
  const int64_t at =
      static_cast<int64_t>(border_index(x, in.width(), Border::kReflect101)) * in.channels() + c;
  switch (in.shape.dtype) {
    case DType::kUint8:
      return static_cast<float>(in.row<uint8_t>(row)[at]);
    case DType::kUint16:
      return static_cast<float>(in.row<uint16_t>(row)[at]);
    case DType::kInt16:
      return static_cast<float>(in.row<int16_t>(row)[at]);
    default:
      return in.row<float>(row)[at];
  }
}

void store_at(const Image& out, int y, int x, int c, float sum) {
  const int64_t at = static_cast<int64_t>(x) * out.channels() + c;
  switch (out.shape.dtype) {
    case DType::kUint8:
      out.row<uint8_t>(y)[at] = static_cast<uint8_t>(rounded_clip(sum, 0, 255));
      break;
    case DType::kUint16:
      out.row<uint16_t>(y)[at] = static_cast<uint16_t>(rounded_clip(sum, 0, 65535));
      break;
    case DType::kInt16:
      out.row<int16_t>(y)[at] = static_cast<int16_t>(rounded_clip(sum, -32768, 32767));
      break;
    default:
      out.row<float>(y)[at] = unit_clip(sum);
  }
}

template <class Each>
void for_samples(const ImageShape& shape, Each each) {
  for (int y = 0; y < shape.height; ++y) {
    for (int x = 0; x < shape.width; ++x) {
      for (int c = 0; c < shape.channels; ++c) each(y, x, c);
    }
  }
}

// One sample of row y, which may lie outside, after the x kernel.
float plain_row_sum(const ConstImage& in, const std::vector<float>& weights, int y, int x, int c) {
  const int radius = static_cast<int>(weights.size() / 2);
  const auto at = [&](int dx) { return sample_at(in, y, int64_t{x} + dx, c); };
  const auto weight = [&](int dx) { return weights[static_cast<size_t>(radius + dx)]; };
  const auto pair = [&](int j) { return at(j) + at(-j); };
  if (!is_short_float_row(weights.size(), in.shape.dtype)) {
    float sum = 0;
    for (int dx = -radius; dx <= radius; ++dx) sum = std::fma(at(dx), weight(dx), sum);
    return sum;
  }
  const bool center_first = is_in_tail(x, c, in.width(), in.channels(), kShortRowSamples);
  float sum = center_first ? at(0) * weight(0) : pair(1) * weight(1);
  sum = center_first ? std::fma(pair(1), weight(1), sum) : std::fma(at(0), weight(0), sum);
  return radius == 2 ? std::fma(pair(2), weight(2), sum) : sum;
}

void run_separable_reference(const ConstImage& in, const Separable& plan, const Image& out) {
  const int radius = static_cast<int>(plan.y_weights.size() / 2);
  for_samples(in.shape, [&](int y, int x, int c) {
    const auto row_sum = [&](int dy) { return plain_row_sum(in, plan.x_weights, y + dy, x, c); };
    float sum = row_sum(0) * plan.y_weights[static_cast<size_t>(radius)];
    for (int j = 1; j <= radius; ++j) {
      sum = std::fma(row_sum(j) + row_sum(-j), plan.y_weights[static_cast<size_t>(radius + j)], sum);
    }
    const bool up =
        plan.halves == Halves::kUp ||
        (plan.halves == Halves::kUpInTail && is_in_tail(x, c, in.width(), in.channels(), kIntegerRowSamples));
    store_at(out, y, x, c, up ? half_up(sum) : sum);
  });
}

// Taps in 1/256, with the error of each carried to the next, from the outside in.
std::vector<float> fixed_gaussian(int size, double sigma) {
  const int radius = size / 2;
  std::vector<double> weights;
  double sum = 0;
  for (int i = 0; i < radius; ++i) {
    const double x = 1 - size + 2 * i;
    weights.push_back(std::exp(x * x * (-0.125 / (sigma * sigma))));
    sum += weights.back();
  }
  const double scale = 1 / (2 * sum + 1);
  std::vector<float> taps(static_cast<size_t>(size));
  double error = 0;
  double total = 0;
  for (int i = 0; i < radius; ++i) {
    const double exact = weights[static_cast<size_t>(i)] * scale * 256 + error;
    const double rounded = std::rint(exact);
    error = exact - rounded;
    total += rounded;
    taps[static_cast<size_t>(i)] = taps[static_cast<size_t>(size - 1 - i)] =
        static_cast<float>(rounded / 256);
  }
  taps[static_cast<size_t>(radius)] = static_cast<float>((256 - 2 * total) / 256);
  return taps;
}

Separable plan_opencv_gaussian(const ImageShape& shape, int size, double sigma) {
  const int x_size = shape.width == 1 ? 1 : size;
  const int y_size = shape.height == 1 ? 1 : size;
  if (shape.dtype == DType::kUint8) {
    return {fixed_gaussian(x_size, sigma), fixed_gaussian(y_size, sigma), Halves::kUp};
  }
  return plan_separable(gaussian_taps(x_size, sigma), gaussian_taps(y_size, sigma), shape.dtype);
}

}  // namespace

void filter_separable(const ConstImage& in, const std::vector<double>& x_taps,
                      const std::vector<double>& y_taps, const Image& out, ResizeScratch& scratch) {
  run_separable(in, plan_separable(x_taps, y_taps, in.shape.dtype), out, scratch);
}

void filter_separable_reference(const ConstImage& in, const std::vector<double>& x_taps,
                                const std::vector<double>& y_taps, const Image& out) {
  run_separable_reference(in, plan_separable(x_taps, y_taps, in.shape.dtype), out);
}

void filter_2d(const ConstImage& in, const Kernel2d& kernel, const Image& out, ResizeScratch& scratch,
               FloatRange range) {
  STOKER_CHECK(kernel.height % 2 == 1 && kernel.width % 2 == 1);
  const auto channels = static_cast<size_t>(in.channels());
  const size_t count = static_cast<size_t>(in.width()) * channels;
  const int x_radius = kernel.width / 2;
  const int y_radius = kernel.height / 2;
  const auto slots = static_cast<size_t>(kernel.height);
  const size_t padded_floats = count + 2 * static_cast<size_t>(x_radius) * channels + kRowSlackFloats;
  auto* const sums = reinterpret_cast<float*>(
      scratch.rows.reserve((count + kRowSlackFloats + slots * padded_floats) * sizeof(float)));
  float* const ring = sums + count + kRowSlackFloats;

  struct Place {
    int dy;
    size_t dx_samples;
  };
  std::vector<Place> places;
  std::vector<float> weights;
  for (int dy = 0; dy < kernel.height; ++dy) {
    for (int dx = 0; dx < kernel.width; ++dx) {
      const float weight = kernel.weights[static_cast<size_t>(dy * kernel.width + dx)];
      if (weight == 0) continue;
      places.push_back({dy, static_cast<size_t>(dx) * channels});
      weights.push_back(weight);
    }
  }
  std::vector<const float*> taps(places.size());
  int next = -y_radius;
  for (int y = 0; y < in.height(); ++y) {
    for (; next <= y + y_radius; ++next) {
      float* const row = ring + static_cast<size_t>(next + y_radius) % slots * padded_floats;
      widen_row(in, next, x_radius, x_radius, Border::kReflect101, row);
    }
    for (size_t t = 0; t < places.size(); ++t) {
      const size_t slot = (static_cast<size_t>(y) + static_cast<size_t>(places[t].dy)) % slots;
      taps[t] = ring + slot * padded_floats + places[t].dx_samples;
    }
    if (in.shape.dtype == DType::kUint8) {
      weigh_taps_to_bytes(taps.data(), weights.data(), weights.size(), count, out.row<uint8_t>(y));
      continue;
    }
    weigh_taps(taps.data(), weights.data(), weights.size(), count, sums);
    if (in.shape.dtype == DType::kFloat32 && range == FloatRange::kAny) {
      std::copy_n(sums, count, out.row<float>(y));
    } else {
      narrow_row(sums, count, in.shape.dtype, out.row<uint8_t>(y));
    }
  }
}

void filter_2d_reference(const ConstImage& in, const Kernel2d& kernel, const Image& out, FloatRange range) {
  for_samples(in.shape, [&](int y, int x, int c) {
    float sum = 0;
    for (int dy = 0; dy < kernel.height; ++dy) {
      for (int dx = 0; dx < kernel.width; ++dx) {
        const float weight = kernel.weights[static_cast<size_t>(dy * kernel.width + dx)];
        if (weight == 0) continue;
        sum = std::fma(sample_at(in, y + dy - kernel.height / 2, x + dx - kernel.width / 2, c), weight, sum);
      }
    }
    if (in.shape.dtype == DType::kFloat32 && range == FloatRange::kAny) {
      out.row<float>(y)[x * out.channels() + c] = sum;
    } else {
      store_at(out, y, x, c, sum);
    }
  });
}

std::vector<double> gaussian_taps(int size, double sigma) {
  std::vector<double> taps;
  double sum = 0;
  for (int x = -(size / 2); x <= size / 2; ++x) {
    const double scaled = x / sigma;
    taps.push_back(std::exp(-0.5 * (scaled * scaled)));
    sum += taps.back();
  }
  for (double& tap : taps) tap /= sum;
  return taps;
}

void gaussian_blur_opencv(const ConstImage& in, int size, double sigma, const Image& out,
                          ResizeScratch& scratch) {
  run_separable(in, plan_opencv_gaussian(in.shape, size, sigma), out, scratch);
}

void gaussian_blur_opencv_reference(const ConstImage& in, int size, double sigma, const Image& out) {
  run_separable_reference(in, plan_opencv_gaussian(in.shape, size, sigma), out);
}

}  // namespace stoker
