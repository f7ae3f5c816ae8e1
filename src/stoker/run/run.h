// The run: batches of indices in, finished batches out, in order, with bounded memory.
//
// Two pools work on it. The fetcher's threads read ahead; the CPU threads take one sample each from bytes
// to its slot, always of the oldest unfinished batch. The run knows no Python and never touches a pixel.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stoker/base/error.h"
#include "stoker/batch/buffer.h"
#include "stoker/run/counters.h"
#include "stoker/run/island_desk.h"
#include "stoker/run/plan.h"
#include "stoker/run/trace.h"
#include "stoker/source/source.h"

namespace stoker {

enum class OnError : uint8_t { kRaise, kReplace, kSkip };
enum class Shapes : uint8_t { kDense, kList };

struct RunOptions {
  int threads = 1;            // CPU threads; 0: the work is done inside next()
  int active_threads = 0;     // of them, those that work from the start; 0: all
  bool shares_cores = false;  // take part in process_budget()
  int io_threads = 2;
  uint64_t seed = 0;
  OnError on_error = OnError::kRaise;
  double max_bad = 0.001;  // share of the samples below 1, else a number; for replace and skip
  Shapes shapes = Shapes::kDense;
  int max_active_batches = 2;  // being filled, or finished and not yet taken
  size_t read_ahead_bytes = size_t{64} << 20;
  bool may_repeat = true;  // an index may come more than once in an epoch
  // Of images and masks, and of row columns; null: the run's own.
  std::shared_ptr<BufferProvider> buffers;
  std::shared_ptr<BufferProvider> column_buffers;
  // Where samples wait at islands; needed for a plan that has some. The run closes it.
  std::shared_ptr<IslandDesk> islands;
};

// One image of a batch whose images are kept apart.
struct ListedImage {
  Buffer data;
  ImageShape shape;
};

// One fetched field of a batch: images or masks.
struct FieldValues {
  std::string name;
  FieldKind kind = FieldKind::kImage;
  Layout layout = Layout::kChw;
  Buffer data;  // dense: a sample of `shape` after the other
  ImageShape shape;
  std::vector<ListedImage> list;  // Shapes::kList
};

struct ColumnValues {
  std::string name;
  DType dtype = DType::kInt64;
  std::vector<int64_t> shape;  // rows first
  Buffer data;
};

// Boxes or keypoints of a batch: values and offsets.
struct RaggedValues {
  std::string name;
  int width = 4;
  std::vector<double> values;      // rows of `width`
  std::vector<int64_t> starts;     // first row of each sample, and the number of all rows
  std::vector<int64_t> rows;       // of each row: which of its sample's rows in the source it was
  std::vector<uint8_t> is_double;  // of each sample: its rows are float64 to the library, see Box::is_single
};

struct Batch {
  std::vector<int64_t> indices;     // of the samples that are really in it, after replace and skip
  std::vector<FieldValues> fields;  // parallel to the source's; empty without images
  std::vector<ColumnValues> columns;
  std::vector<RaggedValues> ragged;
};

// Samples that the policy does not accept: all bad ones of a batch, or the one that broke the limit.
class BadSamples : public Error {
 public:
  BadSamples(const std::string& message, std::vector<SampleError> errors)
      : Error(message), errors_(std::move(errors)) {}
  const std::vector<SampleError>& errors() const { return errors_; }

 private:
  std::vector<SampleError> errors_;
};

class Run {
 public:
  // Checks everything and starts nothing. Throws ArgumentError.
  Run(std::shared_ptr<const Source> source, std::shared_ptr<const Plan> plan, const RunOptions& options);
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  // Queues one batch; the threads start with the first. Never blocks. Throws ArgumentError for an index
  // that the source does not have. A tentative batch is worked on like any other, but what it counts and
  // which samples of it are bad shows only once it is kept. Tentative batches come last: they must be kept
  // or dropped before others are submitted.
  void submit(std::vector<int64_t> indices, uint32_t epoch, bool is_tentative = false);

  // Counts samples as seen in `epoch` without making them: one that comes there again is drawn for as a
  // repeat. Throws as submit().
  void skip(const std::vector<int64_t>& indices, uint32_t epoch);

  // Makes the tentative batches ordinary ones.
  void keep_tentative();
  // Takes the tentative batches back, as if they had not been submitted. The threads go on.
  void drop_tentative();

  // The oldest submitted batch; nothing if `wait_ns` passed first (call again) or no batch is submitted.
  // Throws BadSamples for a batch with bad samples (the next call goes on with the next batch), or the
  // first fatal error, again at every call.
  std::optional<Batch> next(int64_t wait_ns);

  // The largest batch, in samples, that is made sooner than handed to a thread: small ones, of samples that
  // lie in memory and that nothing is done to. 0: there are none.
  int64_t most_at_once() const;
  // Makes a batch of 1 to most_at_once() samples on the calling thread, past what is submitted and without
  // any thread of the run. Counted as any other. Throws as submit().
  Batch make_at_once(std::vector<int64_t> indices);

  // Batches submitted and not yet taken.
  int64_t pending() const;

  // How many of the CPU threads work, from 1 to all; the others wait until they are wanted. Changes no pixel
  // and no order. With shared cores it is the process's budget from then on. Any thread, at any time; throws
  // ArgumentError for another number, and without threads.
  void set_active_threads(int count);

  // Begins a timeline of at most so many events; 0 ends it. Any thread.
  void trace(size_t max_events);
  // The timeline so far, and how many events found no room.
  std::vector<RunEvent> events(int64_t* dropped) const;

  // Ends all waits, drops all batches, joins the threads. Idempotent, any thread.
  void close();

  std::shared_ptr<const Plan> plan() const;
  // Null for a plan without islands.
  std::shared_ptr<IslandDesk> islands() const;
  int threads() const;  // CPU threads, as asked for
  CountersReading counters() const;
  // Every bad sample so far, by index.
  std::vector<SampleError> bad_samples() const;
  // The plan, threads and memory, as text.
  std::string explain() const;

 private:
  class State;
  // Throws Error in a process that has forked from that of the threads.
  void check_process() const;
  std::unique_ptr<State> state_;
};

}  // namespace stoker
