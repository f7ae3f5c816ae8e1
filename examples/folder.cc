// Reads a folder of images, root/<class>/<file>, as training batches:
//   folder ROOT [BATCH_SIZE] [THREADS]
#include <stoker/base/clock.h>
#include <stoker/run/run.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

int main(int argc, char** argv) try {
  if (argc < 2) return std::fprintf(stderr, "usage: %s ROOT [BATCH_SIZE] [THREADS]\n", argv[0]), 2;
  const int64_t batch_size = argc > 2 ? std::max(1, std::atoi(argv[2])) : 64;

  const stoker::FolderListing listing = stoker::list_folder(argv[1], {".jpg", ".jpeg", ".png"});
  auto source = std::make_shared<stoker::FilesSource>(listing.paths, argv[1]);
  const stoker::PlanOptions options;  // RGB in, channels first out
  auto plan = std::make_shared<stoker::Plan>(
      std::vector{stoker::make_operator("random_resized_crop", {{"size", 224.0}}),
                  stoker::make_operator("horizontal_flip", {{"p", 0.5}}),
                  stoker::make_operator("normalize", {{"mean", std::vector{0.485, 0.456, 0.406}},
                                                      {"std", std::vector{0.229, 0.224, 0.225}}})},
      options, source->image_shape());

  stoker::RunOptions run_options;
  run_options.threads = argc > 3 ? std::atoi(argv[3]) : 2;
  stoker::Run run(source, plan, run_options);
  const stoker::KeyedOrder order(run_options.seed, 0, *source->size());
  for (int64_t begin = 0; begin < *source->size(); begin += batch_size) {
    std::vector<int64_t> indices;
    for (int64_t i = begin; i < std::min(*source->size(), begin + batch_size); ++i)
      indices.push_back(order.at(i));
    run.submit(indices, 0);
  }

  const int64_t started_ns = stoker::wall_ns();
  bool is_first = true;
  while (run.pending() > 0) {
    const std::optional<stoker::Batch> batch = run.next(1'000'000'000);
    if (!batch || !is_first) continue;
    is_first = false;
    const size_t count = batch->indices.size() * batch->fields[0].shape.bytes() / sizeof(float);
    const float* values = reinterpret_cast<const float*>(batch->fields[0].data.get());
    double sum = 0;
    for (size_t i = 0; i < count; ++i) sum += values[i];
    std::printf("first batch: %zu images, mean %.4f\n", batch->indices.size(),
                sum / static_cast<double>(count));
  }
  const double seconds = static_cast<double>(stoker::wall_ns() - started_ns) * 1e-9;
  std::printf("%zu images of %zu classes, %.0f images/s\n", listing.paths.size(), listing.classes.size(),
              static_cast<double>(listing.paths.size()) / seconds);
} catch (const stoker::Error& error) {
  return std::fprintf(stderr, "%s\n", error.what()), 1;
}
