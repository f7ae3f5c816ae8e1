#include "stoker/pack/packing.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <map>
#include <thread>

#include "stoker/base/clock.h"
#include "stoker/base/mutex.h"
#include "stoker/pack/output.h"
#include "stoker/pack/sample_packer.h"
#include "stoker/run/policy.h"

namespace stoker {
namespace {

// Finished samples that may wait for an older one, for each thread, and their bytes in all.
constexpr int64_t kWaitingSamplesPerThread = 8;
constexpr uint64_t kWaitingBytes = uint64_t{256} << 20;

// Samples that the estimate is made of, and how long it may take once it has some. Files that are only read
// are cheap, and their sizes vary.
constexpr int64_t kProbes = 64;
constexpr int64_t kSourceProbes = 512;
constexpr int64_t kFewProbes = 8;
constexpr int64_t kProbeNs = 3'000'000'000;

uint64_t part_bytes(const std::vector<PackedRecord>& variants) {
  uint64_t sum = 0;
  for (const PackedRecord& record : variants) {
    for (const PackedPart& part : record.parts) sum += part.bytes.view().size();
  }
  return sum;
}

// What all samples will need, from some.
class Estimate {
 public:
  void add(uint64_t sample_bytes) {
    const auto value = static_cast<double>(sample_bytes);
    count_ += 1;
    sum_ += value;
    sum_squares_ += value * value;
  }
  int64_t count() const { return count_; }

  // A standard error above the mean; exact where all samples were added, or are of one size.
  uint64_t bytes(int64_t samples) const {
    if (count_ == 0) return 0;
    if (count_ == samples) return static_cast<uint64_t>(sum_);
    const auto n = static_cast<double>(count_);
    const double mean = sum_ / n;
    const double variance = std::max(0.0, sum_squares_ / n - mean * mean);
    return static_cast<uint64_t>((mean + std::sqrt(variance / n)) * static_cast<double>(samples));
  }

 private:
  int64_t count_ = 0;
  double sum_ = 0;
  double sum_squares_ = 0;
};

}  // namespace

class Packing::State {
 public:
  State(std::shared_ptr<const Source> source, std::shared_ptr<const Plan> plan, const PackingOptions& options)
      : source_(std::move(source)),
        plan_(std::move(plan)),
        options_(options),
        fetcher_(make_file_fetcher(1)),
        bad_(options.skips_bad ? OnError::kSkip : OnError::kRaise, 1e18, source_->size().value_or(0),
             source_->root()),
        output_(options.form == PackForm::kNpy ? make_npy_output(*source_, options_, plan_->options().layout)
                                               : make_shard_output(*source_, options_)) {}

  PackingProgress advance(int64_t wait_ns);
  void close();
  std::vector<PackedFile> files() const;
  std::vector<SampleError> bad_samples() const { return bad_.all(); }

 private:
  struct Packed {
    std::vector<PackedRecord> variants;  // empty: a bad sample
    uint64_t size_bytes = 0;
  };

  void start();
  void serve(bool is_first);
  void fail(std::exception_ptr failure);
  std::exception_ptr with_space(const NoSpaceError& full) const;

  void prepare(SamplePacker& packer);
  std::vector<PackUnit> all_units() const;
  uint64_t estimate(SamplePacker& packer, const std::vector<PackUnit>& units, int64_t total) const;

  std::optional<int64_t> next_position();
  int64_t index_at(int64_t position, const PackUnit** unit) const;
  Packed pack(SamplePacker& packer, int64_t index);
  void submit(int64_t position, Packed packed);
  std::optional<Packed> next_to_write();
  void write(int64_t position, Packed packed);

  const std::shared_ptr<const Source> source_;
  const std::shared_ptr<const Plan> plan_;
  const PackingOptions options_;
  const std::unique_ptr<Fetcher> fetcher_;
  BadSampleLog bad_;
  std::atomic<bool> is_cancelled_{false};
  std::atomic<uint64_t> bytes_written_{0};

  Mutex threads_mutex_;
  std::vector<std::thread> threads_ STOKER_GUARDED_BY(threads_mutex_);
  std::unique_ptr<PackOutput> output_;  // of the thread that writes; close() after all have ended

  // Set by prepare() before is_prepared_, and fixed from then on.
  std::vector<PackUnit> units_;
  std::vector<int64_t> unit_ends_;  // positions: samples to do, counted through
  int64_t total_ = 0;
  uint64_t bytes_estimated_ = 0;
  uint64_t bytes_free_ = 0;

  mutable Mutex mutex_;
  Condition progress_;
  Condition room_;  // fewer samples wait, or all is prepared
  bool is_prepared_ STOKER_GUARDED_BY(mutex_) = false;
  int64_t next_ STOKER_GUARDED_BY(mutex_) = 0;     // position to be packed next
  int64_t written_ STOKER_GUARDED_BY(mutex_) = 0;  // position to be written next
  bool is_writing_ STOKER_GUARDED_BY(mutex_) = false;
  std::map<int64_t, Packed> waiting_ STOKER_GUARDED_BY(mutex_);
  uint64_t waiting_bytes_ STOKER_GUARDED_BY(mutex_) = 0;
  std::vector<PackedFile> files_ STOKER_GUARDED_BY(mutex_);
  std::exception_ptr failure_ STOKER_GUARDED_BY(mutex_);
};

PackingProgress Packing::State::advance(int64_t wait_ns) {
  const int64_t until = wall_ns() + wait_ns;
  start();
  PackingProgress progress;
  std::exception_ptr failure;
  {
    MutexLock lock(mutex_);
    const auto is_finished = [this] { return is_prepared_ && written_ == total_; };
    while (failure_ == nullptr && !is_finished() && !is_cancelled_) {
      const int64_t left = until - wall_ns();
      if (left <= 0) break;
      progress_.wait_for(mutex_, std::chrono::nanoseconds(left));
    }
    failure = failure_;
    progress.is_finished = is_finished();
    progress.samples_done = written_;
    if (is_prepared_) {
      progress.samples_total = total_;
      progress.bytes_estimated = bytes_estimated_;
      progress.bytes_free = bytes_free_;
    }
    progress.bytes_written = bytes_written_;
  }
  if (failure != nullptr) {
    close();  // the hidden files are gone before anybody hears of it
    std::rethrow_exception(failure);
  }
  if (is_cancelled_ && !progress.is_finished) throw ArgumentError("pack: the packing is closed.");
  return progress;
}

void Packing::State::start() {
  MutexLock lock(threads_mutex_);
  if (!threads_.empty() || is_cancelled_) return;
  for (int i = 0; i < options_.threads; ++i) threads_.emplace_back([this, i] { serve(i == 0); });
}

void Packing::State::serve(bool is_first) {
  try {
    SamplePacker packer(*source_, *plan_, options_, *fetcher_, &is_cancelled_);
    if (is_first) prepare(packer);
    while (const std::optional<int64_t> position = next_position()) {
      const PackUnit* unit = nullptr;
      Packed packed = pack(packer, index_at(*position, &unit));
      if (!is_cancelled_) submit(*position, std::move(packed));
    }
  } catch (const NoSpaceError& full) {
    fail(with_space(full));
  } catch (...) {
    fail(std::current_exception());
  }
}

void Packing::State::fail(std::exception_ptr failure) {
  MutexLock lock(mutex_);
  if (failure_ == nullptr) failure_ = std::move(failure);
  is_cancelled_ = true;
  room_.notify_all();
  progress_.notify_all();
}

// The disk became full though the estimate said that it would not: others write to it too.
std::exception_ptr Packing::State::with_space(const NoSpaceError& full) const {
  std::string text = full.what();
  const uint64_t written = bytes_written_;
  if (bytes_estimated_ > written) {
    text += " About " + std::to_string(bytes_estimated_ - written) +
            " bytes are still needed; finished shards stay, and the same command goes on from them.";
  }
  return std::make_exception_ptr(IoError(text));
}

std::vector<PackUnit> Packing::State::all_units() const {
  const int64_t size = source_->size().value_or(0);
  if (options_.form == PackForm::kNpy) return {{0, 0, size}};
  std::vector<PackUnit> units;
  for (const int64_t shard : options_.shards) {
    const int64_t first = shard * options_.samples_per_shard;
    units.push_back({shard, first, std::min(options_.samples_per_shard, size - first)});
  }
  return units;
}

// Done by one thread while the others wait: what is there already, and whether the rest has room.
void Packing::State::prepare(SamplePacker& packer) {
  sweep_leftovers(options_.folder);
  std::vector<PackUnit> units;
  std::vector<PackedFile> kept;
  int64_t total = 0;
  for (const PackUnit& unit : all_units()) {
    if (is_cancelled_) return;
    std::vector<PackedFile> standing;
    if (options_.form != PackForm::kNpy && !options_.replaces) standing = standing_files(unit, options_);
    if (static_cast<int>(standing.size()) == options_.variants) {
      kept.insert(kept.end(), standing.begin(), standing.end());
      continue;
    }
    units.push_back(unit);
    total += unit.count;
  }
  units_ = std::move(units);
  for (const PackUnit& unit : units_)
    unit_ends_.push_back((unit_ends_.empty() ? 0 : unit_ends_.back()) + unit.count);
  bytes_free_ = free_bytes(options_.folder);
  bytes_estimated_ = estimate(packer, units_, total);
  if (options_.checks_space && bytes_estimated_ > bytes_free_) {
    throw IoError("pack: " + options_.folder + ": about " + std::to_string(bytes_estimated_) +
                  " bytes are needed for " + std::to_string(total) + " samples, " +
                  std::to_string(bytes_free_) +
                  " are free; free space, choose another folder or a smaller form.");
  }
  MutexLock lock(mutex_);
  total_ = total;
  files_ = std::move(kept);
  is_prepared_ = true;
  room_.notify_all();
  progress_.notify_all();
}

uint64_t Packing::State::estimate(SamplePacker& packer, const std::vector<PackUnit>& units,
                                  int64_t total) const {
  const int64_t begin = wall_ns();
  const int64_t probes = std::min(total, options_.form == PackForm::kSource ? kSourceProbes : kProbes);
  Estimate estimate;
  std::vector<PackedRecord> variants;
  for (int64_t i = 0; i < probes && !is_cancelled_; ++i) {
    if (estimate.count() >= kFewProbes && wall_ns() - begin > kProbeNs) break;
    const PackUnit* unit = nullptr;
    // A bad sample is found again when its turn comes.
    if (packer.pack(index_at(i * total / probes, &unit), &variants)) continue;
    estimate.add(part_bytes(variants) + output_->overhead_bytes(variants));
  }
  uint64_t per_file = 4096;
  for (const std::string& footer : options_.footers) per_file += footer.size() + 4096;
  return estimate.bytes(total) + units.size() * per_file;
}

// The sample at a position, and the unit that it belongs to.
int64_t Packing::State::index_at(int64_t position, const PackUnit** unit) const {
  const auto at = std::upper_bound(unit_ends_.begin(), unit_ends_.end(), position) - unit_ends_.begin();
  *unit = &units_[static_cast<size_t>(at)];
  return (*unit)->first + position - (unit_ends_[static_cast<size_t>(at)] - (*unit)->count);
}

// Waits while too much waits to be written. The thread with the oldest sample is never here, so there is an
// end to it.
std::optional<int64_t> Packing::State::next_position() {
  const int64_t most = kWaitingSamplesPerThread * options_.threads;
  MutexLock lock(mutex_);
  while (!is_cancelled_ && (!is_prepared_ || next_ - written_ >= most ||
                            (waiting_bytes_ >= kWaitingBytes && next_ > written_))) {
    room_.wait(mutex_);
  }
  if (is_cancelled_ || next_ >= total_) return std::nullopt;
  return next_++;
}

Packing::State::Packed Packing::State::pack(SamplePacker& packer, int64_t index) {
  Packed packed;
  const Failure failure = packer.pack(index, &packed.variants);
  if (failure) {
    packed.variants.clear();
    if (is_cancelled_) return packed;  // a decode that was broken off is no bad sample
    bad_.add(*failure);
    if (!options_.skips_bad) throw rejected_batch({*failure});
  }
  packed.size_bytes = part_bytes(packed.variants);
  return packed;
}

// Whoever brings the next one in order writes it, and all that follow; the others go on packing.
void Packing::State::submit(int64_t position, Packed packed) {
  {
    MutexLock lock(mutex_);
    waiting_bytes_ += packed.size_bytes;
    waiting_.emplace(position, std::move(packed));
    if (is_writing_) return;
    is_writing_ = true;
  }
  while (std::optional<Packed> next = next_to_write()) {
    int64_t at = 0;
    {
      MutexLock lock(mutex_);
      at = written_;
    }
    write(at, std::move(*next));
    MutexLock lock(mutex_);
    ++written_;
    room_.notify_all();
    progress_.notify_all();
  }
}

std::optional<Packing::State::Packed> Packing::State::next_to_write() {
  MutexLock lock(mutex_);
  if (is_cancelled_ || waiting_.empty() || waiting_.begin()->first != written_) {
    is_writing_ = false;
    return std::nullopt;
  }
  Packed packed = std::move(waiting_.begin()->second);
  waiting_.erase(waiting_.begin());
  waiting_bytes_ -= packed.size_bytes;
  return packed;
}

void Packing::State::write(int64_t position, Packed packed) {
  const PackUnit* unit = nullptr;
  const int64_t index = index_at(position, &unit);
  if (index == unit->first) output_->begin(*unit);
  if (!packed.variants.empty()) output_->add(packed.variants);
  bytes_written_ += packed.size_bytes;
  for (PackedRecord& record : packed.variants) {
    for (PackedPart& part : record.parts) fetcher_->recycle(std::move(part.bytes));
  }
  if (index + 1 < unit->first + unit->count) return;
  std::vector<PackedFile> files = output_->finish();
  MutexLock lock(mutex_);
  files_.insert(files_.end(), files.begin(), files.end());
}

std::vector<PackedFile> Packing::State::files() const {
  std::vector<PackedFile> files;
  {
    MutexLock lock(mutex_);
    files = files_;
  }
  std::stable_sort(files.begin(), files.end(), [](const PackedFile& a, const PackedFile& b) {
    return a.shard != b.shard ? a.shard < b.shard : a.variant < b.variant;
  });
  return files;
}

void Packing::State::close() {
  {
    MutexLock lock(mutex_);
    is_cancelled_ = true;
    room_.notify_all();
    progress_.notify_all();
  }
  MutexLock lock(threads_mutex_);
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  output_.reset();
}

namespace {

[[noreturn]] void refuse(const std::string& what) { throw ArgumentError("pack: " + what); }

void check_shards(const PackingOptions& options, int64_t size) {
  if (options.samples_per_shard < 1)
    refuse("a shard needs at least 1 sample, got " + std::to_string(options.samples_per_shard) + ".");
  const int64_t shards = (size - 1) / options.samples_per_shard + 1;
  int64_t before = -1;
  for (const int64_t shard : options.shards) {
    if (shard <= before || shard >= shards || shard > 0xFFFFFFFF) {
      refuse("shard " + std::to_string(shard) + " is not one of the " + std::to_string(shards) +
             " of the plan, or not behind the one before it.");
    }
    before = shard;
  }
  if (options.footers.size() != static_cast<size_t>(options.variants))
    refuse("there must be a footer for each of the " + std::to_string(options.variants) + " variants.");
  for (const std::string& footer : options.footers) {
    try {
      check_footer(footer, "footer");
    } catch (const ShardError& wrong) {
      refuse(wrong.what());
    }
  }
}

void check_form(const PackingOptions& options, const Source& source, const Plan& plan) {
  const DType dtype = plan.dtype();
  switch (options.form) {
    case PackForm::kSource:
      if (!plan.written().empty() || options.variants != 1)
        refuse(
            "form 'source' keeps the original bytes, so there are neither operators nor variants; choose "
            "'raw'.");
      return;
    case PackForm::kRaw:
      if (dtype == DType::kFloat16 || dtype == DType::kBfloat16)
        refuse("form 'raw' holds integers or float32, got " + std::string(name_of(dtype)) + ".");
      return;
    case PackForm::kJpeg:
      if (dtype != DType::kUint8)
        refuse("form 'jpeg' holds uint8, got " + std::string(name_of(dtype)) + "; choose 'raw'.");
      if (options.jpeg.quality < 1 || options.jpeg.quality > 100)
        refuse("quality must be 1 to 100, got " + std::to_string(options.jpeg.quality) + ".");
      return;
    case PackForm::kNpy:
      if (options.variants != 1)
        refuse("form 'npy' has one variant, got " + std::to_string(options.variants) + ".");
      if (!source.ragged_columns().empty())
        refuse("form 'npy' cannot hold '" + source.ragged_columns()[0].name +
               "', of which every sample has another number; choose 'raw'.");
      if (dtype == DType::kBfloat16) refuse("form 'npy' has no bfloat16; choose float16 or float32.");
      return;
  }
}

}  // namespace

Packing::Packing(std::shared_ptr<const Source> source, std::shared_ptr<const Plan> plan,
                 const PackingOptions& options) {
  const int64_t size = source->size().value_or(0);
  if (size < 1 || !source->has_image()) refuse("the source has no images, or no end.");
  if (options.threads < 1 || options.threads > 1024)
    refuse("threads must be 1 to 1024, got " + std::to_string(options.threads) + ".");
  if (options.variants < 1 || options.variants > 256)
    refuse("variants must be 1 to 256, got " + std::to_string(options.variants) + ".");
  if (options.folder.empty()) refuse("the folder to write to is empty.");
  check_form(options, *source, *plan);
  if (options.form != PackForm::kNpy) check_shards(options, size);
  state_ = std::make_unique<State>(std::move(source), std::move(plan), options);
}

Packing::~Packing() {
  if (state_ != nullptr) state_->close();
}

PackingProgress Packing::advance(int64_t wait_ns) { return state_->advance(wait_ns); }
std::vector<PackedFile> Packing::files() const { return state_->files(); }
std::vector<SampleError> Packing::bad_samples() const { return state_->bad_samples(); }
void Packing::close() { state_->close(); }

}  // namespace stoker
