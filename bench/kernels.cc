// Nanoseconds per pixel of each operator's apply(), for two image sizes and each instruction set.
//
// New operators appear here by themselves. The pixels are judged by the tests, against each operator's
// reference; here only the time is of interest.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "stoker/base/memory.h"
#include "stoker/base/random.h"
#include "stoker/transform/operator.h"
#include "stoker/transform/targets.h"

namespace {

using stoker::Image;
using stoker::ImageShape;

// Values for the parameters that have no default.
std::map<std::string, stoker::Value> required_parameters(const stoker::OperatorInfo& info) {
  std::map<std::string, stoker::Value> given;
  for (const stoker::ParameterInfo& parameter : info.parameters) {
    if (!parameter.is_required) continue;
    const double value = parameter.name == "size" ? 160 : 0.5;
    given[parameter.name] = std::vector<double>(parameter.min_count, value);
  }
  return given;
}

void measure(benchmark::State& state, const std::string& name, const std::string& target, int height,
             int width) {
  stoker::force_vector_target(target);
  const stoker::OperatorInfo* info = nullptr;
  for (const stoker::OperatorInfo& each : stoker::operators()) {
    if (each.name == name) info = &each;
  }
  auto given = required_parameters(*info);
  for (const stoker::ParameterInfo& parameter : info->parameters) {
    if (parameter.name == "p") given["p"] = 1.0;
  }
  const stoker::NamedOperator named = stoker::make_operator(name, given);

  const ImageShape shape{height, width, 3, stoker::DType::kUint8};
  // The last bytes are for vector loads that reach beyond the end.
  const auto pixels = stoker::allocate_aligned(shape.bytes() + stoker::kMemoryAlignment);
  for (size_t i = 0; i < shape.bytes(); ++i) pixels[i] = static_cast<uint8_t>(i * 2654435761U >> 13);
  const Image in = stoker::packed_image(pixels.get(), shape);

  // Several draws, because a crop's size decides its cost.
  constexpr size_t kDraws = 16;
  std::vector<stoker::Draw> draws(kDraws);
  size_t most_bytes = 0;
  for (size_t i = 0; i < kDraws; ++i) {
    stoker::Rng random({.seed = 1, .index = i}, 0);
    if (const stoker::Failure failure = named.op->draw(random, shape, &draws[i])) {
      state.SkipWithError(failure->message().c_str());
      return;
    }
    named.op->observe(in, nullptr, &draws[i]);
    most_bytes = std::max(most_bytes, named.op->shape_after(draws[i], shape).bytes());
  }
  const auto memory = stoker::allocate_aligned(most_bytes + stoker::kMemoryAlignment);
  stoker::ResizeScratch scratch;
  size_t turn = 0;
  for (auto _ : state) {
    const stoker::Draw& draw = draws[turn++ % kDraws];
    const Image out = stoker::packed_image(memory.get(), named.op->shape_after(draw, shape));
    named.op->apply(draw, in, out, scratch);
    benchmark::DoNotOptimize(memory.get());
    benchmark::ClobberMemory();
  }
  const double pixel_count = static_cast<double>(height) * width;
  // Shown with SI prefixes: "1.5n/px" is 1.5 nanoseconds per pixel of the input.
  state.counters["s/px"] = benchmark::Counter(
      pixel_count * static_cast<double>(state.iterations()),
      static_cast<benchmark::Counter::Flags>(benchmark::Counter::kIsRate | benchmark::Counter::kInvert));
}

}  // namespace

int main(int argc, char** argv) {
  for (const stoker::OperatorInfo& info : stoker::operators()) {
    for (const std::string& target : stoker::vector_targets()) {
      for (const auto& [height, width] : {std::pair(375, 500), std::pair(224, 224)}) {
        const std::string title =
            info.name + "/" + std::to_string(height) + "x" + std::to_string(width) + "/" + target;
        benchmark::RegisterBenchmark(
            title.c_str(), [name = info.name, target, height = height, width = width](
                               benchmark::State& state) { measure(state, name, target, height, width); });
      }
    }
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
