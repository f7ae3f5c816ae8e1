// optical_distortion: the barrel or pincushion of a lens.

#include <algorithm>
#include <cmath>

#include "stoker/transform/distortion_operator.h"
#include "stoker/transform/lens_rows.h"

namespace stoker {
namespace {

class OpticalDistortion : public DistortionOperator {
 public:
  OpticalDistortion() : DistortionOperator("optical_distortion") {}

  void parameters(ParameterVisitor& visitor) override {
    visitor.numbers("distort_limit", distort_limit_, 1, 2, -1000, 1000, "",
                    "Least and greatest coefficient of the lens; one number d means (-d, d).");
    visitor.choice(
        "mode", mode_, {"camera", "fisheye"},
        "The model: 'camera' grows with the second and fourth power of the distance, 'fisheye' with "
        "the second.");
    visit_distortion(visitor);
  }

  void check() override {
    check_sampling();
    make_range("distort_limit", distort_limit_);
  }

  std::vector<std::string_view> draw_names() const override { return {"k"}; }

  std::vector<std::map<std::string, Value>> examples() const override {
    return {
        {{"distort_limit", std::vector<double>{-0.5, 0.5}}, {"p", 1.0}},
        {{"distort_limit", std::vector<double>{-0.6, 0.6}}, {"mode", std::string("fisheye")}, {"p", 0.7}}};
  }

  Failure draw(Rng& rng, const ImageShape&, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    draw->values[0] = rng.uniform(distort_limit_[0], distort_limit_[1]);
    return std::nullopt;
  }

 protected:
  FloatMap::Row rows(const Draw& draw, const ImageShape& in) const override {
    const double width = in.width;
    const double height = in.height;
    if (mode_ == "fisheye") {
      const double radius_2 = width * width / 4 + height * height / 4;
      const double factor = draw.values[0] / radius_2;
      return [width, height, factor](int y, float* xs, float* ys) {
        fisheye_row({width / 2, height / 2, factor}, y, static_cast<int>(width), xs, ys);
      };
    }
    // Rays leave a camera whose centre is that of the pixels, and are seen by one whose centre is that of the
    // canvas.
    const auto k = static_cast<double>(static_cast<float>(draw.values[0]));
    return [width, height, k](int y, float* xs, float* ys) {
      camera_row({width, height, k}, y, static_cast<int>(width), xs, ys);
    };
  }

 private:
  std::vector<double> distort_limit_ = {-0.05, 0.05};
  std::string mode_ = "camera";
};

const RegisterOperator<OpticalDistortion> kRegistered(
    "optical_distortion", "Distort as a lens does, by a random coefficient.",
    "(H, W, C) uint8, uint16, int16 or float32 -> the same shape. Pixels, boxes and keypoints follow "
    "Albumentations' OpticalDistortion on OpenCV 4.11; coordinates of 'fisheye', which are float32 there, "
    "differ by up to 0.001 pixel.");

}  // namespace
}  // namespace stoker
