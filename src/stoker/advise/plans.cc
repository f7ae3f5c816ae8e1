#include "stoker/advise/plans.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <tuple>

#include "stoker/advise/verdict.h"
#include "stoker/base/error.h"

namespace stoker {
namespace {

// Loading should be this much faster than the trainer, so that its own unevenness is not felt.
constexpr double kHeadroom = 1.05;

// What saves less of an epoch than this never pays: it is less than anything that was measured can tell.
constexpr double kSavedShare = 1e-3;

// Of the engine, besides batches; see RunOptions::read_ahead_bytes.
constexpr double kReadAheadBytes = 64 << 20;

void check_range(const char* name, double value, double low, double high) {
  if (value >= low && value <= high) return;
  char text[160];
  std::snprintf(text, sizeof text, "choose: %s must be between %g and %g, got %g.", name, low, high, value);
  throw ArgumentError(text);
}

void check(const Situation& now, const std::vector<StoredForm>& forms) {
  if (forms.empty() || forms[0].form != Form::kAsIs || forms[0].cut != 0) {
    throw ArgumentError("choose: the first form must be what is done now.");
  }
  check_range("samples", now.samples, 1, 1e15);
  check_range("epochs", now.epochs, 1, 1e9);
  check_range("jobs", now.jobs, 1, 1e9);
  check_range("cores", now.cores, 1e-3, 1e6);
  check_range("most_threads", now.most_threads, 1, 1024);
  check_range("threads", now.threads, 1, 1024);
  check_range("prefetch", now.prefetch, 1, 1e6);
  check_range("batch_size", now.batch_size, 1, 1e12);
  check_range("trainer_rate", now.trainer_rate, 0, 1e15);
  for (const StoredForm& form : forms) {
    check_range("bytes", form.bytes, 0, 1e15);
    check_range("pack_cpu_ms", form.pack_cpu_ms, 0, 1e12);
    check_range("warm rate", form.warm.rate_one, 1e-9, 1e15);
    if (form.cold) check_range("cold rate", form.cold->rate_one, 1e-9, 1e15);
  }
}

// What the trainer and the loader can do on the cores that they share; without limit if neither is known.
double shared_cores_rate(const Situation& now, const StoredForm& form) {
  const double ms = now.trainer_cpu_ms + form.cpu_ms;
  return now.trainer_cpu_ms > 0 && ms > 0 ? 1000 * now.cores / ms : 1e15;
}

double limited(const Situation& now, const StoredForm& form, double loader_rate) {
  double rate = std::min(loader_rate, shared_cores_rate(now, form));
  if (now.trainer_rate > 0) rate = std::min(rate, now.trainer_rate);
  return rate;
}

// Share of the bytes that the page cache still holds from the epoch before.
double cached_share(const Situation& now, const StoredForm& form) {
  const double bytes = now.samples * form.read_bytes;
  return bytes > 0 ? std::min(1.0, now.cache_bytes / bytes) : 1;
}

// Loader's rate when `share` of the bytes is in the page cache: times of samples add up.
double loader_rate(const StoredForm& form, double threads, double share) {
  const double warm = form.warm.rate(threads);
  if (!form.cold) return warm;
  const double cold = std::min(warm, form.cold->rate(threads));
  return 1 / (share / warm + (1 - share) / cold);
}

// Seconds of all epochs of one job.
double epochs_s(const Situation& now, const StoredForm& form, double threads) {
  const double later = limited(now, form, loader_rate(form, threads, cached_share(now, form)));
  // What was just written, or read by others, is in the page cache already.
  const double first =
      now.is_cold && form.form == Form::kAsIs ? limited(now, form, loader_rate(form, threads, 0)) : later;
  return now.samples / first + (now.epochs - 1) * now.samples / later;
}

double preparation_s(const Situation& now, const StoredForm& as_is, const StoredForm& form) {
  if (form.form == Form::kAsIs) return 0;
  const double threads = std::min<double>(now.most_threads, now.cores);
  const double at_once = threads * as_is.warm.efficiency(threads);
  double seconds = now.samples * form.pack_cpu_ms / 1000 / std::max(at_once, 1e-3);
  if (now.write_bytes_per_s > 0) seconds += now.samples * form.bytes / now.write_bytes_per_s;
  if (now.is_cold && as_is.cold) {  // the first reading of the source is what packing waits for
    seconds = std::max(seconds, now.samples / as_is.cold->rate(threads));
  }
  return seconds;
}

std::string size_text(double bytes) {
  char text[40];
  const bool is_large = bytes >= 1e9;
  std::snprintf(text, sizeof text, is_large ? "%.1f GB" : "%.0f MB", bytes / (is_large ? 1e9 : 1e6));
  return text;
}

std::string refusal(const Situation& now, const StoredForm& form, const LoadingPlan& plan) {
  if (now.disk_bytes && plan.disk_bytes > *now.disk_bytes) {
    return "it needs " + size_text(plan.disk_bytes) + " of disk, " + size_text(*now.disk_bytes) +
           " are allowed";
  }
  if (now.memory_bytes && plan.memory_bytes > *now.memory_bytes) {
    return "it needs " + size_text(plan.memory_bytes) + " of memory, " + size_text(*now.memory_bytes) +
           " are allowed";
  }
  if (now.preparation_s && plan.preparation_s > *now.preparation_s) {
    char text[96];
    std::snprintf(text, sizeof text, "preparing takes %.0f s, %.0f s are allowed", plan.preparation_s,
                  *now.preparation_s);
    return text;
  }
  if (form.needs_consent && !form.has_consent) return "it changes what is trained on, so it must be accepted";
  return "";
}

LoadingPlan predict(const Situation& now, const std::vector<StoredForm>& forms, size_t number, int threads) {
  const StoredForm& form = forms[number];
  LoadingPlan plan;
  plan.form = number;
  plan.threads = threads;
  const double sample_ms = 1000 / form.warm.rate_one;
  const bool is_present = number == 0 && threads == now.threads;
  plan.prefetch =
      is_present ? now.prefetch
                 : std::max(now.prefetch, prefetch_depth(now.batch_size, sample_ms, form.p99_ms, threads));
  plan.loader_rate = loader_rate(form, threads, cached_share(now, form));
  const double seconds = epochs_s(now, form, threads);
  plan.rate = now.epochs * now.samples / seconds;
  plan.step_ms = 1000 * now.batch_size / plan.rate;
  plan.preparation_s = preparation_s(now, forms[0], form);
  plan.total_s = plan.preparation_s / now.jobs + seconds;
  plan.disk_bytes = now.samples * form.bytes;
  plan.memory_bytes = (plan.prefetch + 1) * now.batch_bytes + kReadAheadBytes;
  if (form.form == Form::kNpy) plan.memory_bytes += plan.disk_bytes;  // mapped, and best kept in memory
  plan.refused = refusal(now, form, plan);
  return plan;
}

// What is simpler sorts first.
auto complexity(const Situation& now, const std::vector<StoredForm>& forms, const LoadingPlan& plan) {
  const StoredForm& form = forms[plan.form];
  return std::tuple(form.needs_consent, form.variants > 1, form.form, form.cut,
                    form.form == Form::kAsIs && plan.threads != now.threads, plan.threads);
}

}  // namespace

std::string_view name_of(Form form) {
  switch (form) {
    case Form::kAsIs:
      return "as-is";
    case Form::kSource:
      return "source";
    case Form::kRaw:
      return "raw";
    case Form::kNpy:
      return "npy";
    default:
      return "jpeg";
  }
}

Choice choose(const Situation& now, const std::vector<StoredForm>& forms) {
  check(now, forms);
  Choice choice;
  choice.plans.push_back(predict(now, forms, 0, now.threads));
  choice.plans[0].refused.clear();  // it is there already, whatever it takes
  for (size_t form = 0; form < forms.size(); ++form) {
    for (int threads = 1; threads <= now.most_threads; ++threads) {
      if (form == 0 && threads == now.threads) continue;
      choice.plans.push_back(predict(now, forms, form, threads));
    }
  }
  const LoadingPlan present = choice.plans[0];
  for (LoadingPlan& plan : choice.plans) {
    const double saved = (present.total_s - (plan.total_s - plan.preparation_s / now.jobs)) / now.epochs;
    if (plan.preparation_s > 0 && saved > kSavedShare * present.total_s / now.epochs) {
      plan.break_even_epochs = plan.preparation_s / now.jobs / saved;
    }
  }
  for (size_t i = 1; i < choice.plans.size(); ++i) {
    const LoadingPlan& plan = choice.plans[i];
    if (plan.refused.empty() && plan.total_s < choice.plans[choice.fastest].total_s) choice.fastest = i;
  }
  choice.is_fed = now.trainer_rate > 0 && present.rate >= kFedShare * now.trainer_rate;
  if (choice.is_fed) return choice;

  choice.chosen = choice.fastest;
  const double enough = (1 + kSimplerSlack) * choice.plans[choice.fastest].total_s;
  for (size_t i = 0; i < choice.plans.size(); ++i) {
    const LoadingPlan& plan = choice.plans[i];
    if (!plan.refused.empty() || plan.total_s > enough) continue;
    if (complexity(now, forms, plan) < complexity(now, forms, choice.plans[choice.chosen])) choice.chosen = i;
  }
  return choice;
}

int prefetch_depth(double batch_size, double sample_ms, double p99_ms, double threads) {
  const double batch_ms = batch_size * sample_ms / threads;
  const double begun = batch_ms > 0 ? std::ceil((batch_ms + p99_ms) / batch_ms - 1e-9) : 1;
  // A slow sample within a quarter of a batch's time is part of that batch's unevenness.
  const double noticed = batch_ms > 0 && p99_ms < 0.25 * batch_ms ? 1 : begun;
  return static_cast<int>(std::clamp(noticed + 1, 2.0, 16.0));
}

WorkerPlan choose_workers(const ScalingCurve& curve, double trainer_rate, int most, double batch_size,
                          double sample_ms, double p99_ms) {
  if (!(curve.rate_one > 0)) throw ArgumentError("choose_workers: the curve must have a rate above 0.");
  WorkerPlan plan;
  plan.workers = trainer_rate > 0 ? fewest_for_rate(curve, kHeadroom * trainer_rate, most)
                                  : fewest_near_best(curve, most);
  const double loader = curve.rate(plan.workers);
  plan.rate = trainer_rate > 0 ? std::min(loader, trainer_rate) : loader;
  // Batches in flight are their rate times the time that one takes in its worker, the slowest ones counted.
  const double worker_ms = batch_size * sample_ms / curve.efficiency(plan.workers) + p99_ms;
  const double in_flight = plan.rate / batch_size * worker_ms / 1000;
  const double each = std::ceil(in_flight / plan.workers - 1e-9);
  plan.prefetch_factor = static_cast<int>(std::clamp(each, 2.0, 16.0));
  return plan;
}

}  // namespace stoker
