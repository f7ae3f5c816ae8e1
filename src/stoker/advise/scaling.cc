#include "stoker/advise/scaling.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>

#include "stoker/base/error.h"

namespace stoker {
namespace {

constexpr size_t kTerms = 3;
using Row = std::array<double, kTerms>;

// One median point for each thread count, by thread count.
std::vector<ScalingPoint> medians(std::span<const ScalingPoint> points) {
  std::map<double, std::vector<double>> rates;
  for (const ScalingPoint& point : points) {
    if (!(point.threads > 0) || !(point.samples_per_s > 0) || !std::isfinite(point.threads) ||
        !std::isfinite(point.samples_per_s)) {
      throw ArgumentError("fit_scaling: threads and rates must be finite and above 0.");
    }
    rates[point.threads].push_back(point.samples_per_s);
  }
  std::vector<ScalingPoint> out;
  for (auto& [threads, values] : rates) {
    std::sort(values.begin(), values.end());
    const size_t middle = values.size() / 2;
    const double median = values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
    out.push_back({threads, median});
  }
  return out;
}

// Least squares of sum_j x_j row[j] = 1 over the terms that `used` names, by normal equations: three
// unknowns of like size at most. Unused terms become 0.
Row solve(std::span<const Row> rows, const std::array<bool, kTerms>& used) {
  std::array<std::array<double, kTerms + 1>, kTerms> system{};
  for (size_t i = 0; i < kTerms; ++i) {
    if (!used[i]) {
      system[i][i] = 1;
      continue;
    }
    for (const Row& row : rows) {
      for (size_t j = 0; j < kTerms; ++j) system[i][j] += used[j] ? row[i] * row[j] : 0;
      system[i][kTerms] += row[i];
    }
  }
  for (size_t pivot = 0; pivot < kTerms; ++pivot) {
    size_t largest = pivot;
    for (size_t i = pivot + 1; i < kTerms; ++i) {
      if (std::abs(system[i][pivot]) > std::abs(system[largest][pivot])) largest = i;
    }
    std::swap(system[pivot], system[largest]);
    if (system[pivot][pivot] == 0) return {-1, -1, -1};  // no solution, never chosen
    for (size_t i = 0; i < kTerms; ++i) {
      if (i == pivot) continue;
      const double factor = system[i][pivot] / system[pivot][pivot];
      for (size_t j = pivot; j <= kTerms; ++j) system[i][j] -= factor * system[pivot][j];
    }
  }
  Row out;
  for (size_t i = 0; i < kTerms; ++i) out[i] = system[i][kTerms] / system[i][i];
  return out;
}

double squares(std::span<const Row> rows, const Row& terms) {
  double sum = 0;
  for (const Row& row : rows) {
    double at = -1;
    for (size_t j = 0; j < kTerms; ++j) at += terms[j] * row[j];
    sum += at * at;
  }
  return sum;
}

// (1, contention, coherence) / rate_one that fit w / rate best, relatively, none of them below 0.
Row fit_terms(const std::vector<ScalingPoint>& points) {
  std::vector<Row> rows;
  for (const auto& [w, rate] : points) {
    const double y = w / rate;
    rows.push_back({1 / y, (w - 1) / y, w * (w - 1) / y});
  }
  // Two bounds make four cases; the best one that keeps to them is the constrained optimum.
  Row best{};
  double least = std::numeric_limits<double>::infinity();
  for (const bool has_contention : {false, true}) {
    for (const bool has_coherence : {false, true}) {
      const size_t unknowns = 1 + (has_contention ? 1 : 0) + (has_coherence ? 1 : 0);
      if (unknowns > points.size() || (has_coherence && points.size() < kTerms)) continue;
      const Row terms = solve(rows, {true, has_contention, has_coherence});
      if (!(terms[0] > 0) || terms[1] < 0 || terms[2] < 0) continue;
      const double sum = squares(rows, terms);
      if (sum >= least) continue;
      least = sum;
      best = terms;
    }
  }
  return best;
}

// The one unknown of the part beyond the cores, by least squares on rate(cores) / rate - 1.
double fit_crowding(const ScalingCurve& curve, const std::vector<ScalingPoint>& points) {
  double product = 0;
  double square = 0;
  for (const auto& [w, rate] : points) {
    if (w <= curve.cores) continue;
    const double beyond = (w - curve.cores) / curve.cores;
    product += beyond * (curve.rate(curve.cores) / rate - 1);
    square += beyond * beyond;
  }
  return square > 0 ? std::max(0.0, product / square) : 0;
}

}  // namespace

double ScalingCurve::rate(double threads) const {
  const double w = std::min(threads, cores);
  // Part of a thread is part of one thread's rate.
  const double pairs = std::max(0.0, w - 1);
  const double within = rate_one * w / (1 + contention * pairs + coherence * w * pairs);
  return within / (1 + crowding * std::max(0.0, threads - cores) / cores);
}

ScalingCurve fit_scaling(std::span<const ScalingPoint> points, double cores) {
  if (points.empty()) throw ArgumentError("fit_scaling: there is no point; give at least one.");
  if (!(cores > 0) || !std::isfinite(cores)) {
    throw ArgumentError("fit_scaling: cores must be finite and above 0.");
  }
  const std::vector<ScalingPoint> all = medians(points);
  std::vector<ScalingPoint> within;
  for (const ScalingPoint& point : all) {
    if (point.threads <= cores) within.push_back(point);
  }
  // Only crowded runs, or less than a core: the first point then stands for the cores as they are.
  if (within.empty()) within.push_back({std::min(all.front().threads, cores), all.front().samples_per_s});

  ScalingCurve curve;
  curve.cores = cores;
  const Row terms = fit_terms(within);
  curve.rate_one = 1 / terms[0];
  curve.contention = terms[1] / terms[0];
  curve.coherence = terms[2] / terms[0];
  curve.crowding = fit_crowding(curve, all);
  double sum = 0;
  for (const ScalingPoint& point : all) {
    const double off = curve.rate(point.threads) / point.samples_per_s - 1;
    sum += off * off;
  }
  curve.error = std::sqrt(sum / static_cast<double>(all.size()));
  return curve;
}

int fewest_near_best(const ScalingCurve& curve, int most, double slack) {
  double best = 0;
  for (int threads = 1; threads <= most; ++threads) best = std::max(best, curve.rate(threads));
  for (int threads = 1; threads <= most; ++threads) {
    if (curve.rate(threads) >= (1 - slack) * best) return threads;
  }
  return 1;
}

int fewest_for_rate(const ScalingCurve& curve, double rate, int most) {
  for (int threads = 1; threads <= most; ++threads) {
    if (curve.rate(threads) >= rate) return threads;
  }
  return fewest_near_best(curve, most);
}

}  // namespace stoker
