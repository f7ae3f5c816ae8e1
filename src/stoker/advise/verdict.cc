#include "stoker/advise/verdict.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "stoker/advise/scaling.h"
#include "stoker/base/error.h"

namespace stoker {
namespace {

// Threads that wait for more than this share of their time are idle for want of what they wait for; less is
// the beginning and the end of an epoch, and samples of unequal size.
constexpr double kIdleShare = 0.25;

// Fewer threads must gain more than this before their number is called the bound.
constexpr double kCrowdedGain = 0.05;

// Threads that want a core at a time, by the cores: where there are more, they wait for each other most of
// the time, even where fewer would not be faster.
constexpr double kCrowdedThreads = 2;

constexpr double kUnlimited = std::numeric_limits<double>::infinity();

Bound bound_of(StepKind kind) {
  switch (kind) {
    case StepKind::kFetch:
      return Bound::kStorage;  // CPU time of reading: fewer, larger files are the remedy all the same
    case StepKind::kDecode:
      return Bound::kDecode;
    case StepKind::kOperator:
      return Bound::kOperator;
    case StepKind::kStore:
      return Bound::kStore;
    case StepKind::kPython:
      return Bound::kPython;
    default:
      return Bound::kHandOff;
  }
}

double total_ms(const Measurements& measured, bool is_serial) {
  double sum = 0;
  for (const StepCost& step : measured.steps) sum += step.is_serial == is_serial ? step.cpu_ms : 0;
  return sum;
}

const StepCost* costliest(const Measurements& measured, bool is_serial) {
  const StepCost* most = nullptr;
  for (const StepCost& step : measured.steps) {
    if (step.is_serial != is_serial || !(step.cpu_ms > 0)) continue;
    if (most == nullptr || step.cpu_ms > most->cpu_ms) most = &step;
  }
  return most;
}

// Of the work that all threads do side by side.
double cpu_ceiling(const Measurements& measured) {
  const double ms = total_ms(measured, /*is_serial=*/false);
  const double at_once = std::min<double>(measured.threads, measured.cores);
  const double on_cores = ms > 0 ? 1000 * at_once / ms : measured.loader_rate;
  if (!measured.shares || !(measured.shares->busy > 0)) return on_cores;
  const double if_busy = measured.loader_rate / measured.shares->busy;
  if (measured.threads <= measured.cores) return if_busy;
  // Threads that wait for a core are busy too; all of them together do no more than the cores can.
  return std::max(measured.loader_rate, std::min(if_busy, on_cores));
}

// Rate with the best number of threads by that with the present one, less 1.
double crowded_gain(const Measurements& measured) {
  if (measured.scaling.size() < 2) return 0;
  const ScalingCurve curve = fit_scaling(measured.scaling, measured.cores);
  const int fewer = fewest_near_best(curve, measured.threads, 0);
  return curve.rate(fewer) / curve.rate(measured.threads) - 1;
}

bool is_crowded(const Measurements& measured) {
  if (measured.threads < 1.5 * measured.cores) return false;
  if (crowded_gain(measured) > kCrowdedGain) return true;
  if (!measured.shares || !(measured.shares->busy > 0)) return false;
  // How many of them want a core at a time does not depend on who else has the cores. Threads beyond the
  // cores are off them for that share of their work; half of it is evidence enough.
  const double wanting = measured.shares->busy * measured.threads;
  const double expected = 1 - measured.cores / measured.threads;
  return wanting > kCrowdedThreads * measured.cores &&
         measured.shares->off_cpu / measured.shares->busy > 0.5 * expected;
}

std::vector<Ceiling> ceilings_of(const Measurements& measured) {
  std::vector<Ceiling> ceilings;
  if (measured.trainer_rate > 0) ceilings.push_back({Bound::kTrainer, "trainer", measured.trainer_rate});

  const double cpu = cpu_ceiling(measured);
  if (is_crowded(measured)) {
    ceilings.push_back({Bound::kThreads, "threads", measured.loader_rate});  // the cores have no more to give
  } else if (const StepCost* step = costliest(measured, /*is_serial=*/false)) {
    ceilings.push_back({bound_of(step->kind), step->name, cpu});
  }

  const bool is_starved = measured.shares && measured.shares->starved > kIdleShare;
  const bool is_blocked = measured.shares && measured.shares->blocked > kIdleShare;
  if (is_starved && measured.shares->starved >= measured.shares->blocked) {
    ceilings.push_back({Bound::kStorage, "storage", measured.loader_rate});
  } else if (measured.storage_rate > 0 && (!measured.shares || measured.storage_rate > cpu)) {
    // A storage slower than threads that never waited for it was measured under other conditions.
    ceilings.push_back({Bound::kStorage, "storage", measured.storage_rate});
  }

  if (const StepCost* step = costliest(measured, /*is_serial=*/true)) {
    ceilings.push_back({bound_of(step->kind), step->name, 1000 / total_ms(measured, /*is_serial=*/true)});
  } else if (is_blocked && measured.shares->blocked > measured.shares->starved) {
    ceilings.push_back({Bound::kHandOff, "hand-off", measured.loader_rate});
  }
  std::stable_sort(ceilings.begin(), ceilings.end(),
                   [](const Ceiling& a, const Ceiling& b) { return a.samples_per_s < b.samples_per_s; });
  return ceilings;
}

const StepCost* step_named(const Measurements& measured, const std::string& name) {
  for (const StepCost& step : measured.steps) {
    if (step.name == name) return &step;
  }
  return nullptr;
}

// The rate of training once the bound `found` is no more: the next ceiling, and for a step the rest of the
// work that is done along with it.
double rate_without(const Measurements& measured, const std::vector<Ceiling>& ceilings,
                    const Ceiling& found) {
  double rate = kUnlimited;
  for (const Ceiling& each : ceilings) {
    if (&each != &found) rate = std::min(rate, each.samples_per_s);
  }
  if (found.bound == Bound::kThreads) {
    rate = std::min(rate, found.samples_per_s * (1 + std::max(0.0, crowded_gain(measured))));
  } else if (const StepCost* step = step_named(measured, found.name)) {
    const double rest = total_ms(measured, step->is_serial) - step->cpu_ms;
    if (rest > 0) rate = std::min(rate, found.samples_per_s * (1 + step->cpu_ms / rest));
  }
  return rate;
}

std::string rate_text(double rate) {
  char text[40];
  std::snprintf(text, sizeof text, rate < 100 ? "%.1f" : "%.0f", rate);
  return std::string(text) + " samples/s";
}

std::string share_text(double share) {
  return std::to_string(static_cast<int64_t>(std::lround(std::min(share, 1e6) * 100))) + " %";
}

std::string gain_text(const Verdict& verdict) {
  if (verdict.best_rate == 0) return "how much is to gain cannot be told";
  if (verdict.gain < 0.01) return "less than 1 % is to gain";
  return "up to " + share_text(verdict.gain) + " is to gain (" + rate_text(verdict.best_rate) + ")";
}

std::string sentence_of(const Verdict& verdict, const Measurements& measured) {
  const std::string now = rate_text(verdict.rate);
  const std::string end = "; " + gain_text(verdict) + ".";
  const std::string of_cpu = share_text(verdict.step_share) + " of the CPU time of a sample";
  switch (verdict.bound) {
    case Bound::kTrainer:
      return "Bound by the trainer: it takes " + rate_text(measured.trainer_rate) + ", loading gives " +
             rate_text(measured.loader_rate) + end;
    case Bound::kStorage:
      return "Bound by storage at " + now + ": threads wait for bytes" + end;
    case Bound::kDecode:
      return "Bound by decode at " + now + ": " + of_cpu + end;
    case Bound::kOperator:
      return "Bound by operator " + verdict.name + " at " + now + ": " + of_cpu + end;
    case Bound::kStore:
      return "Bound by writing the batch at " + now + ": " + of_cpu + end;
    case Bound::kPython:
      return "Bound by Python (" + verdict.name + ") at " + now + ": it runs one sample at a time" + end;
    case Bound::kHandOff:
      return "Bound by the hand-off at " + now + ": finished samples wait to be taken" + end;
    default: {
      const auto cores = static_cast<int64_t>(std::ceil(measured.cores));
      const std::string what = "Bound by too many threads at " + now + ": " +
                               std::to_string(measured.threads) + " share " + std::to_string(cores) +
                               (cores == 1 ? " core" : " cores");
      if (verdict.gain >= 0.01) return what + end;
      return what + " and wait for each other; as many as there are cores would load as fast.";
    }
  }
}

}  // namespace

std::string_view name_of(Bound bound) {
  switch (bound) {
    case Bound::kTrainer:
      return "trainer";
    case Bound::kStorage:
      return "storage";
    case Bound::kDecode:
      return "decode";
    case Bound::kOperator:
      return "operator";
    case Bound::kStore:
      return "store";
    case Bound::kPython:
      return "python";
    case Bound::kHandOff:
      return "hand-off";
    default:
      return "threads";
  }
}

Verdict judge(const Measurements& measured) {
  if (!(measured.loader_rate > 0) || measured.threads < 1 || !(measured.cores > 0)) {
    throw ArgumentError("judge: loader_rate, threads and cores must be above 0.");
  }
  Verdict verdict;
  verdict.ceilings = ceilings_of(measured);
  const double fed = measured.training_rate > 0  ? measured.training_rate
                     : measured.trainer_rate > 0 ? std::min(measured.trainer_rate, measured.loader_rate)
                                                 : measured.loader_rate;
  verdict.rate = fed;
  const bool is_fed = measured.trainer_rate > 0 && fed >= kFedShare * measured.trainer_rate;
  const Ceiling* found = nullptr;
  for (const Ceiling& each : verdict.ceilings) {
    if ((each.bound == Bound::kTrainer) != is_fed) continue;
    found = &each;
    break;
  }
  if (found == nullptr) {
    throw ArgumentError("judge: nothing was measured that could bound it; give the steps, or the storage.");
  }
  verdict.bound = found->bound;
  verdict.name = found->name;
  if (const StepCost* step = step_named(measured, found->name)) {
    verdict.step_share = step->cpu_ms / (total_ms(measured, false) + total_ms(measured, true));
  }
  verdict.best_rate = is_fed ? measured.trainer_rate : rate_without(measured, verdict.ceilings, *found);
  if (!std::isfinite(verdict.best_rate)) verdict.best_rate = 0;
  verdict.gain = std::max(0.0, verdict.best_rate / verdict.rate - 1);
  verdict.sentence = sentence_of(verdict, measured);
  return verdict;
}

}  // namespace stoker
