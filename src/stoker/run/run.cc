#include "stoker/run/run.h"

#include <cmath>

#include "stoker/run/state.h"
#include "stoker/transform/island.h"

namespace stoker {

std::string Run::State::explain() const {
  std::string text = plan_->explain();
  text += options_.threads == 0
              ? "threads: none, the work is done inside next()"
              : "threads: " +
                    (options_.active_threads > 0 && options_.active_threads < options_.threads
                         ? std::to_string(options_.active_threads) + " of "
                         : "") +
                    std::to_string(options_.threads) + " CPU, " + std::to_string(options_.io_threads) +
                    " I/O" +
                    (options_.shares_cores ? ", sharing the cores with other loaders of this process" : "");
  text += "\nmemory: at most " + std::to_string(options_.max_active_batches) +
          " batches begun and not yet taken, " + std::to_string(options_.read_ahead_bytes >> 20) +
          " MiB read ahead";
  return text + "\n" + explain_islands();
}

// What each island has cost so far, a line each.
std::string Run::State::explain_islands() const {
  std::string text;
  for (size_t i = 0; i < plan_->operators().size(); ++i) {
    if (island_of(*plan_->operators()[i]->op) == nullptr) continue;
    const IslandDesk::Reading cost = options_.islands->reading(i);
    text += "in Python: " + island_of(*plan_->operators()[i]->op)->label + ": ";
    if (cost.calls == 0) {
      text += "not called yet\n";
      continue;
    }
    const auto per_call = [&](int64_t ns) { return std::to_string(ns / 1000 / cost.calls) + " us"; };
    text += std::to_string(cost.calls) + " calls, each " + per_call(cost.cpu_ns) + " of CPU in " +
            per_call(cost.wall_ns) + ", and " + per_call(cost.waited_ns) +
            " of waiting for a thread of Python\n";
  }
  return text;
}

Run::Run(std::shared_ptr<const Source> source, std::shared_ptr<const Plan> plan, const RunOptions& options) {
  const auto check_range = [](const char* name, double value, double low, double high) {
    if (value >= low && value <= high) return;
    throw ArgumentError(std::string(name) + " must be between " + to_json(Value(low)) + " and " +
                        to_json(Value(high)) + ", got " + to_json(Value(value)) + ".");
  };
  check_range("threads", options.threads, 0, 1024);
  check_range("active_threads", options.active_threads, 0, std::max(1, options.threads));
  check_range("io_threads", options.io_threads, 1, 1024);
  check_range("max_bad", options.max_bad, 0, 1e15);
  if (options.max_bad >= 1 && options.max_bad != std::floor(options.max_bad)) {
    throw ArgumentError("max_bad must be a share below 1 or a whole number of samples, got " +
                        to_json(Value(options.max_bad)) + ".");
  }
  check_range("max_active_batches", options.max_active_batches, 1, 1e6);
  if (plan->has_islands() && options.islands == nullptr) plan->refuse_islands("run");
  check_range("read_ahead_bytes", static_cast<double>(options.read_ahead_bytes), 1, 1e15);
  state_ = std::make_unique<State>(std::move(source), std::move(plan), options);
}

Run::~Run() {
  if (state_->is_forked_copy()) {
    static_cast<void>(state_.release());
  } else {
    state_->close();
  }
}

void Run::submit(std::vector<int64_t> indices, uint32_t epoch, bool is_tentative) {
  check_process();
  state_->submit(std::move(indices), epoch, is_tentative);
}

void Run::skip(const std::vector<int64_t>& indices, uint32_t epoch) {
  if (!state_->is_forked_copy()) state_->skip(indices, epoch);
}

void Run::keep_tentative() {
  if (!state_->is_forked_copy()) state_->keep_tentative();
}
void Run::drop_tentative() {
  if (!state_->is_forked_copy()) state_->drop_tentative();
}

std::optional<Batch> Run::next(int64_t wait_ns) {
  check_process();
  return state_->next(wait_ns);
}

int64_t Run::most_at_once() const { return state_->most_at_once(); }
Batch Run::make_at_once(std::vector<int64_t> indices) { return state_->make_at_once(std::move(indices)); }

int64_t Run::pending() const { return state_->is_forked_copy() ? 0 : state_->pending(); }
void Run::set_active_threads(int count) {
  if (!state_->is_forked_copy()) state_->set_active_threads(count);
}
void Run::trace(size_t max_events) {
  if (!state_->is_forked_copy()) state_->trace(max_events);
}
std::vector<RunEvent> Run::events(int64_t* dropped) const {
  *dropped = 0;
  return state_->is_forked_copy() ? std::vector<RunEvent>{} : state_->events(dropped);
}
void Run::close() {
  if (!state_->is_forked_copy()) state_->close();
}
CountersReading Run::counters() const {
  return state_->is_forked_copy() ? CountersReading{} : state_->counters();
}
std::vector<SampleError> Run::bad_samples() const {
  return state_->is_forked_copy() ? std::vector<SampleError>{} : state_->bad_samples();
}
void Run::check_process() const {
  if (!state_->is_forked_copy()) return;
  throw Error("loader: its threads stayed in the process that started them; make a new loader after fork().");
}

std::shared_ptr<const Plan> Run::plan() const { return state_->plan(); }
std::shared_ptr<IslandDesk> Run::islands() const { return state_->islands(); }
int Run::threads() const { return state_->threads(); }
std::string Run::explain() const { return state_->explain(); }

}  // namespace stoker
