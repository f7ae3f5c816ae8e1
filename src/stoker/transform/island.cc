#include "stoker/transform/island.h"

namespace stoker {
namespace {

class IslandOperator : public Operator {
 public:
  IslandOperator(std::shared_ptr<const Island> island, double p) : island_(std::move(island)), p_(p) {}

  // Like these, it needs the whole image before it.
  OperatorClass operator_class() const override { return OperatorClass::kNeighbourhood; }
  void parameters(ParameterVisitor&) override {}
  std::vector<std::string_view> draw_names() const override { return {"seed_high", "seed_low"}; }
  // Nobody knows what it draws, so nothing may be made of it once and for all.
  bool is_random() const override { return true; }
  bool moves_pixels() const override { return true; }
  const Island* island() const { return island_.get(); }

  PlannedShape plan(const PlannedShape& in) const override { return {0, 0, 0, in.dtype}; }
  ImageShape shape_after(const Draw&, const ImageShape& in) const override { return in; }  // a guess
  Failure draw(Rng& rng, const ImageShape&, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    draw->values[0] = rng.bits32();
    draw->values[1] = rng.bits32();
    return std::nullopt;
  }
  void reference(const Draw&, const ConstImage&, const Image&) const override { refuse(); }
  void apply(const Draw&, const ConstImage&, const Image&, ResizeScratch&) const override { refuse(); }

 private:
  [[noreturn]] static void refuse() {
    throw ArgumentError("it runs in Python; call the function itself, or use it in a loader.");
  }

  const std::shared_ptr<const Island> island_;
  const double p_;
};

}  // namespace

NamedOperator make_island(std::shared_ptr<const Island> island, double p) {
  if (!(p >= 0 && p <= 1))
    throw ArgumentError("in_python: p must be between 0 and 1, got " + to_json(Value(p)) + ".");
  NamedOperator named;
  named.name = "in_python";
  named.parameters = {{"function", island->source}, {"p", p}};
  named.op = std::make_shared<IslandOperator>(std::move(island), p);
  return named;
}

const Island* island_of(const Operator& op) {
  const auto* island = dynamic_cast<const IslandOperator*>(&op);
  return island == nullptr ? nullptr : island->island();
}

uint64_t island_seed(const Draw& draw) {
  return static_cast<uint64_t>(draw.values[0]) << 32 | static_cast<uint64_t>(draw.values[1]);
}

}  // namespace stoker
