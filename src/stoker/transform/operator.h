// The contract of an operator: pixels to pixels, one operator a file.
//
// An operator declares its parameters once (from which the Python function, its docstring, the stub and
// the documentation are made), its class (by which the plan fuses), draws all randomness before any
// pixel is touched, and says what it does twice: `apply`, fast, and `reference`, plainly.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stoker/base/boxes.h"
#include "stoker/base/error.h"
#include "stoker/base/image.h"
#include "stoker/base/random.h"
#include "stoker/base/value.h"
#include "stoker/transform/resample.h"

namespace stoker {

// What kind of map an operator is. The plan fuses by class, and only where the result is exact.
enum class OperatorClass : uint8_t {
  kTable,          // each channel value through a function of itself (P1)
  kReducedTable,   // the same, once a reduction over the image is known (P1r)
  kPoint,          // each pixel through a function of itself, across channels (P3)
  kIndexMap,       // moves pixels: crop, flip, pad (G0)
  kResample,       // one interpolating resample, perhaps of a crop (G1)
  kNeighbourhood,  // reads around each pixel (Nb)
  kNoise,          // random per pixel (Rn)
};

std::string_view name_of(OperatorClass operator_class);

// All randomness of one operator for one sample. Plain data: it can be shown, kept and replayed.
struct Draw {
  static constexpr size_t kMaxValues = 16;
  bool applies = true;  // false: the coin said no, and the sample passes unchanged
  std::array<double, kMaxValues> values{};
  std::vector<double> list;  // what has no fixed number: holes of a dropout, steps of a grid

  // As new, with the memory of the list kept.
  void reset() {
    applies = true;
    values.fill(0);
    list.clear();
  }
};

// A shape as far as it is known before any sample is read; 0 is unknown.
struct PlannedShape {
  int height = 0;
  int width = 0;
  int channels = 0;
  DType dtype = DType::kUint8;
};

// What a kIndexMap or kResample operator does: reads `crop` of the image (which may reach outside it:
// there `fill` stands), resizes it when `resize` is set, then mirrors.
struct Geometry {
  struct Target {
    int height = 0;
    int width = 0;
    Resampler resampler = Resampler::kPillow;
    Interpolation interpolation = Interpolation::kBilinear;
    Interpolation mask_interpolation = Interpolation::kNearest;
  };
  std::optional<Rect> crop;
  std::array<uint8_t, 4> fill{};
  std::array<uint8_t, 4> mask_fill{};
  std::optional<Target> resize;
  bool flip_horizontal = false;
  bool flip_vertical = false;
};

// Visits the parameters of an operator, to describe them or to assign them with range checks.
class ParameterVisitor {
 public:
  virtual ~ParameterVisitor() = default;
  virtual void number(std::string_view name, double& field, double low, double high, std::string_view unit,
                      std::string_view doc) = 0;
  virtual void boolean(std::string_view name, bool& field, std::string_view doc) = 0;
  virtual void choice(std::string_view name, std::string& field, std::vector<std::string> choices,
                      std::string_view doc) = 0;
  // Between min_count and max_count numbers; a single number is taken as a list of one. An empty default
  // makes the parameter required when min_count is above 0.
  virtual void numbers(std::string_view name, std::vector<double>& field, size_t min_count, size_t max_count,
                       double low, double high, std::string_view unit, std::string_view doc) = 0;
};

struct ParameterInfo {
  std::string name;
  std::string kind;  // "number", "boolean", "choice", "numbers"
  Value default_value;
  bool is_required = false;
  double low = 0;
  double high = 0;
  size_t min_count = 1;
  size_t max_count = 1;
  std::vector<std::string> choices;
  std::string unit;
  std::string doc;
};

class Operator {
 public:
  virtual ~Operator() = default;

  virtual OperatorClass operator_class() const = 0;
  virtual void parameters(ParameterVisitor& visitor) = 0;
  // Called once after assignment; throws ArgumentError where parameters contradict each other.
  virtual void check() {}

  // Names of the values in a Draw, in their order.
  virtual std::vector<std::string_view> draw_names() const { return {}; }
  virtual bool is_random() const { return false; }
  // Parameters worth a test and a timing, each set legal; those not named keep their defaults.
  virtual std::vector<std::map<std::string, Value>> examples() const { return {{}}; }

  // The shape this makes of `in`, as far as it is known. Throws ArgumentError for a dtype or channel
  // count that it cannot take.
  virtual PlannedShape plan(const PlannedShape& in) const { return in; }

  // All randomness, before any pixel. A failure means that this image cannot be taken (a crop larger than
  // it).
  virtual Failure draw(Rng& rng, const ImageShape& in, Draw* draw) const;

  // Throws ArgumentError for a draw, made by hand, that apply() cannot carry out on an image of this shape.
  // What draw() gives always passes.
  virtual void check_draw(const Draw&, const ImageShape&) const {}

  // The shape that apply() makes of `in` with `draw`.
  virtual ImageShape shape_after(const Draw& draw, const ImageShape& in) const;

  // Whether geometry() says all that it does, so that the plan can compose it; otherwise apply() makes the
  // whole image. By default true for kIndexMap and kResample.
  virtual bool has_geometry() const;
  // Whether masks, boxes and keypoints change with the image. By default true for kIndexMap and kResample.
  virtual bool moves_pixels() const;

  // With has_geometry(): what it does, for the plan to compose.
  virtual Geometry geometry(const Draw& draw, const ImageShape& in) const;

  // kIndexMap: whether it may read outside an image of this shape (so that fill values enter it).
  virtual bool reads_outside(const PlannedShape&) const { return false; }
  // kIndexMap: whether every pixel stays in the image (a flip), so that reductions over it do not change.
  virtual bool is_permutation() const { return false; }

  // kReducedTable: completes `draw` from the image, before apply(). `table`, when set, is a 1 x 256 x C
  // uint8 image through which every pixel is to be looked up first (operators fused ahead of this one).
  virtual void observe(const ConstImage& in, const ConstImage* table, Draw* draw) const;

  // Makes `out`, of shape_after(draw, in), from `in`; they do not overlap. Not called when the draw does not
  // apply.
  virtual void apply(const Draw& draw, const ConstImage& in, const Image& out, ResizeScratch& scratch) const;

  // With moves_pixels() and without geometry: the same for a mask (class numbers, any channels) of the
  // image's height and width. By default apply().
  virtual void apply_mask(const Draw& draw, const ConstImage& in, const Image& out,
                          ResizeScratch& scratch) const;

  // With moves_pixels(): moves what belongs to an image of shape `in`. Boxes and points may come to lie
  // outside, where the plan clips or drops them; what the operator itself removes it erases. By default as
  // geometry() says.
  virtual void move_boxes(const Draw& draw, const ImageShape& in, std::vector<Box>& boxes) const;
  virtual void move_keypoints(const Draw& draw, const ImageShape& in, std::vector<Keypoint>& keypoints) const;

  // The same by the plainest code there is; the judge of apply().
  virtual void reference(const Draw& draw, const ConstImage& in, const Image& out) const;
};

struct Group;

// One element of a pipeline: an operator with the parameters it was made with, or a group of elements.
struct NamedOperator {
  std::string name;
  std::map<std::string, Value> parameters;
  std::shared_ptr<const Operator> op;  // null: a group
  std::shared_ptr<const Group> group;
  std::vector<NamedOperator> children;

  // Whether it or anything in it draws random numbers.
  bool is_random() const;
};

struct OperatorInfo {
  std::string name;
  std::string summary;  // one sentence
  std::string details;  // shapes, dtypes, source of the method
  std::vector<ParameterInfo> parameters;
  OperatorClass operator_class;
  std::function<std::unique_ptr<Operator>()> make;
};

// All operators, sorted by name, so that link order never shows.
const std::vector<OperatorInfo>& operators();

// Makes an operator from parameters by name. Throws ArgumentError or ArgumentTypeError, naming the
// operator, the parameter, what was found and what is allowed.
NamedOperator make_operator(const std::string& name, const std::map<std::string, Value>& given);

// `name(parameter=value, ...)`, as one writes it in Python.
std::string describe(const NamedOperator& named);

void register_operator(std::string name, std::string summary, std::string details,
                       std::function<std::unique_ptr<Operator>()> make);

// Declared once, at namespace scope, in the operator's own file.
template <class T>
struct RegisterOperator {
  RegisterOperator(std::string name, std::string summary, std::string details) {
    register_operator(std::move(name), std::move(summary), std::move(details),
                      [] { return std::make_unique<T>(); });
  }
};

}  // namespace stoker
