// What no sample is to blame for.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "scaffold.h"

namespace stoker::test {
namespace {

// No further file can be opened while it lives.
class NoDescriptors {
 public:
  NoDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    const int next = dup(0);
    close(next);
    const rlimit now{static_cast<rlim_t>(next), before_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &now);
  }
  ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST(Fetch, AProcessWithoutDescriptorsGetsAnErrorOfTheDiskNotOfASample) {
  const TemporaryFolder folder;
  std::vector<std::string> paths;
  for (int i = 0; i < 8; ++i)
    paths.push_back(folder.write(std::to_string(i) + ".png", encode_png(wavy(8, 8, 3), {})));
  for (const int threads : {0, 2}) {
    const auto source = std::make_shared<FilesSource>(paths, folder.path());
    auto plan = std::make_shared<Plan>(std::vector<NamedOperator>{}, PlanOptions{}, PlanInput(*source));
    RunOptions options;
    options.threads = threads;
    options.on_error = OnError::kSkip;
    EngineRun run(source, plan, options);
    const NoDescriptors none;
    run.submit({0, 1, 2, 3, 4, 5, 6, 7}, 0);
    EXPECT_THROW(next_batch(run), IoError) << threads;
  }
}

}  // namespace
}  // namespace stoker::test
