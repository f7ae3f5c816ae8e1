// How a loader's rate grows with its threads: a fitted curve, and the thread counts that follow from it.
#pragma once

#include <span>

#include "stoker/advise/measurements.h"

namespace stoker {

// rate(w) = rate_one w / (1 + contention (w - 1) + coherence w (w - 1)) up to `cores` threads, the universal
// scalability law; beyond them the threads only take the cores from each other, and the rate at `cores` is
// divided by 1 + crowding (w - cores) / cores.
struct ScalingCurve {
  double rate_one = 0;    // samples/s of one thread
  double contention = 0;  // at least 0: the share that only one thread at a time can do
  double coherence = 0;   // at least 0: the price of each pair of threads
  double crowding = 0;    // at least 0
  double cores = 1;
  double error = 0;  // root mean square of (fitted - measured) / measured

  double rate(double threads) const;
  // Rate by rate_one and threads: 1 is perfect.
  double efficiency(double threads) const { return rate(threads) / (rate_one * threads); }
};

// The curve of least relative square error; several points with the same threads count by their median. From
// one thread count nothing is learnt but rate_one, from two no coherence.
// Throws ArgumentError where there is no point, or a thread count, rate or `cores` that is not above 0.
ScalingCurve fit_scaling(std::span<const ScalingPoint> points, double cores);

// The fewest threads, 1 to `most`, whose rate is within `slack` (a share) of the best.
int fewest_near_best(const ScalingCurve& curve, int most, double slack = 0.03);

// The fewest threads, 1 to `most`, whose rate is at least `rate`; those of fewest_near_best() where none is.
int fewest_for_rate(const ScalingCurve& curve, double rate, int most);

}  // namespace stoker
