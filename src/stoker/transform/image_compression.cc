// image_compression: what a lossy codec leaves of the image.

#include <algorithm>
#include <cmath>
#include <vector>

#include "stoker/base/codec.h"
#include "stoker/transform/operator.h"
#include "stoker/transform/quantize.h"

namespace stoker {
namespace {

// Channels [first, first + count) of an image into those from `to_first` on of another.
void copy_channels(const ConstImage& in, int first, int count, const Image& out, int to_first) {
  for (int y = 0; y < in.height(); ++y) {
    const uint8_t* from = in.row<uint8_t>(y) + first;
    uint8_t* to = out.row<uint8_t>(y) + to_first;
    for (int x = 0; x < in.width(); ++x, from += in.channels(), to += out.channels())
      std::copy_n(from, count, to);
  }
}

class ImageCompression : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kNeighbourhood; }
  bool is_random() const override { return true; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.choice("compression_type", type_, {"jpeg", "webp"}, "The codec.");
    visitor.numbers("quality_range", quality_range_, 2, 2, 1, 100, "", "Least and greatest quality.");
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  void check() override {
    const bool is_whole = quality_range_[0] == std::floor(quality_range_[0]) &&
                          quality_range_[1] == std::floor(quality_range_[1]);
    if (is_whole && quality_range_[0] <= quality_range_[1]) return;
    throw ArgumentError("image_compression: quality_range must be (least, greatest) in whole numbers, got (" +
                        to_json(Value(quality_range_[0])) + ", " + to_json(Value(quality_range_[1])) + ").");
  }

  std::vector<std::string_view> draw_names() const override { return {"quality"}; }

  std::vector<std::map<std::string, Value>> examples() const override {
    return {{{"p", 1.0}},
            {{"quality_range", std::vector<double>{5, 60}}, {"p", 1.0}},
            {{"compression_type", std::string("webp")}, {"quality_range", std::vector<double>{40, 90}}}};
  }

  PlannedShape plan(const PlannedShape& in) const override {
    if (in.dtype == DType::kUint8 || in.dtype == DType::kFloat32) return in;
    throw ArgumentError("image_compression: works on uint8 and float32 images, got " +
                        std::string(name_of(in.dtype)) + "; convert the images first.");
  }

  Failure draw(Rng& rng, const ImageShape& in, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    draw->values[0] = static_cast<double>(
        rng.uniform_int(static_cast<int64_t>(quality_range_[0]), static_cast<int64_t>(quality_range_[1])));
    if (!draw->applies || fits(in)) return std::nullopt;
    return SampleError{SampleErrorCode::kShape, "image_compression", size_problem(in),
                       "resize before image_compression"};
  }

  void check_draw(const Draw& draw, const ImageShape& in) const override {
    const double quality = draw.values[0];
    if (!(quality >= 1 && quality <= 100 && quality == std::floor(quality))) {
      throw ArgumentError("image_compression: a drawn quality must be a whole number from 1 to 100, got " +
                          to_json(Value(quality)) + ".");
    }
    if (!fits(in)) throw ArgumentError("image_compression: " + size_problem(in) + "; resize first.");
  }

  void apply(const Draw& draw, const ConstImage& in, const Image& out,
             ResizeScratch& scratch) const override {
    if (!draw.applies) return copy_pixels(in, out);
    in_levels(in, out, scratch.plan, [&](const ConstImage& from, const Image& to) {
      compress(from, to, static_cast<int>(draw.values[0]), scratch.rows);
    });
  }

  // The codec is a library's and has one way only; what is judged here is the way around it.
  void reference(const Draw& draw, const ConstImage& in, const Image& out) const override {
    if (!draw.applies) return copy_pixels(in, out);
    ResizeScratch scratch;
    apply(draw, in, out, scratch);
  }

 private:
  int max_side() const { return type_ == "webp" ? kMaxWebpSidePx : kMaxJpegSidePx; }
  bool fits(const ImageShape& in) const { return std::max(in.height, in.width) <= max_side(); }
  std::string size_problem(const ImageShape& in) const {
    return "the image is " + std::to_string(in.height) + " x " + std::to_string(in.width) + " pixels, " +
           type_ + " allows sides up to " + std::to_string(max_side());
  }

  // As Albumentations: the channels of a colour image are handed to the codec as if they were blue, green,
  // red; two channels get a third of zeros; channels from the fourth on, and a single one, are grey images.
  void compress(const ConstImage& in, const Image& out, int quality, ScratchBuffer& scratch) const {
    const int channels = in.channels();
    if (channels == 3 || (channels == 1 && type_ == "jpeg")) return around(in, out, quality);
    ImageShape part = in.shape;
    part.channels = 3;
    uint8_t* const memory = scratch.reserve(2 * part.bytes());
    const Image from = packed_image(memory, part);
    const Image to = packed_image(memory + part.bytes(), part);
    const int together = channels == 1 ? 0 : std::min(channels, 3);
    if (together > 0) {
      std::fill_n(memory, part.bytes(), uint8_t{0});
      copy_channels(in, 0, together, from, 0);
      around(from, to, quality);
      copy_channels(to, 0, together, out, 0);
    }
    for (int c = together; c < channels; ++c) {
      if (type_ == "webp") {
        gray_around_color(in, c, from, to, out, quality);
        continue;
      }
      part.channels = 1;
      const Image gray = packed_image(memory, part);
      const Image decoded = packed_image(memory + part.bytes(), part);
      copy_channels(in, c, 1, gray, 0);
      around(gray, decoded, quality);
      copy_channels(decoded, 0, 1, out, c);
    }
  }

  // WebP has no grey images: OpenCV encodes three equal channels, and takes the grey of what it decodes.
  void gray_around_color(const ConstImage& in, int c, const Image& from, const Image& to, const Image& out,
                         int quality) const {
    for (int i = 0; i < 3; ++i) copy_channels(in, c, 1, from, i);
    around(from, to, quality);
    for (int y = 0; y < in.height(); ++y) {
      const uint8_t* pixel = to.row<uint8_t>(y);
      uint8_t* gray = out.row<uint8_t>(y) + c;
      for (int x = 0; x < in.width(); ++x, pixel += 3, gray += out.channels())
        *gray = static_cast<uint8_t>((3735 * pixel[0] + 19235 * pixel[1] + 9798 * pixel[2] + 16384) >> 15);
    }
  }

  void around(const ConstImage& in, const Image& out, int quality) const {
    static thread_local std::vector<uint8_t> bytes;
    if (type_ == "webp") {
      encode_webp(in, quality, ChannelOrder::kBgr, bytes);
    } else {
      encode_jpeg(in, {quality, ChromaSubsampling::kQuarter, ChannelOrder::kBgr}, bytes);
    }
    decode_encoded(bytes, ChannelOrder::kBgr, out);
  }

  std::string type_ = "jpeg";
  std::vector<double> quality_range_ = {99, 100};
  double p_ = 0.5;
};

const RegisterOperator<ImageCompression> kRegistered(
    "image_compression", "Encode as JPEG or WebP of random quality, and decode again.",
    "(H, W, C) uint8 or float32 -> the same shape; float32 is rounded to 256 levels of [0, 1]. Pixels equal "
    "Albumentations' ImageCompression (cv2.imencode and cv2.imdecode, 4:2:0, the channels taken as blue, "
    "green, red) "
    "for JPEG, and for WebP where the version of libwebp encodes alike.");

}  // namespace
}  // namespace stoker
