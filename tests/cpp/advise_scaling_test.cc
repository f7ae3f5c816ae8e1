#include <gtest/gtest.h>

#include <cmath>

#include "stoker/advise/scaling.h"
#include "stoker/base/error.h"

namespace stoker {
namespace {

double law(double rate_one, double contention, double coherence, double w) {
  return rate_one * w / (1 + contention * (w - 1) + coherence * w * (w - 1));
}

std::vector<ScalingPoint> points_of(double rate_one, double contention, double coherence,
                                    const std::vector<double>& threads) {
  std::vector<ScalingPoint> points;
  for (const double w : threads) points.push_back({w, law(rate_one, contention, coherence, w)});
  return points;
}

TEST(FitScaling, RecoversTheLawThatMadeThePoints) {
  const ScalingCurve curve = fit_scaling(points_of(340, 0.05, 0.004, {1, 2, 4, 8, 16}), 16);
  EXPECT_NEAR(curve.rate_one, 340, 1e-6);
  EXPECT_NEAR(curve.contention, 0.05, 1e-9);
  EXPECT_NEAR(curve.coherence, 0.004, 1e-9);
  EXPECT_NEAR(curve.error, 0, 1e-9);
  EXPECT_NEAR(curve.rate(6), law(340, 0.05, 0.004, 6), 1e-6);
  EXPECT_NEAR(curve.efficiency(4), law(340, 0.05, 0.004, 4) / (4 * 340), 1e-9);
}

TEST(FitScaling, OnePointGivesOnlyTheRateOfOneThread) {
  const ScalingCurve curve = fit_scaling(std::vector<ScalingPoint>{{2, 500}}, 8);
  EXPECT_DOUBLE_EQ(curve.rate(2), 500);
  EXPECT_DOUBLE_EQ(curve.rate(4), 1000);
}

TEST(FitScaling, TwoPointsGiveContention) {
  const ScalingCurve curve = fit_scaling(std::vector<ScalingPoint>{{1, 100}, {2, 160}}, 8);
  EXPECT_NEAR(curve.rate(1), 100, 1e-9);
  EXPECT_NEAR(curve.rate(2), 160, 1e-9);
  EXPECT_EQ(curve.coherence, 0);
}

TEST(FitScaling, FasterThanProportionalIsNoiseAndGivesNoNegativeTerm) {
  const ScalingCurve curve = fit_scaling(std::vector<ScalingPoint>{{1, 100}, {2, 230}, {4, 390}}, 4);
  EXPECT_GE(curve.contention, 0);
  EXPECT_GE(curve.coherence, 0);
  EXPECT_GT(curve.error, 0.03);
  EXPECT_NEAR(curve.rate(4), 400, 40);
}

TEST(FitScaling, RepeatsCountByTheirMedian) {
  const std::vector<ScalingPoint> points = {{1, 100}, {1, 7}, {1, 101}, {2, 200}, {2, 950}, {2, 199}};
  EXPECT_NEAR(fit_scaling(points, 2).rate(2), 200, 1);
  EXPECT_NEAR(fit_scaling(points, 2).rate(1), 100, 1);
}

TEST(FitScaling, BeyondTheCoresTheRateStays) {
  const ScalingCurve curve = fit_scaling(std::vector<ScalingPoint>{{1, 100}, {2, 190}}, 2);
  EXPECT_DOUBLE_EQ(curve.rate(5), curve.rate(2));
}

TEST(FitScaling, CrowdingIsFittedBeyondTheCores) {
  const std::vector<ScalingPoint> points = {{1, 100}, {2, 200}, {4, 100}};
  const ScalingCurve curve = fit_scaling(points, 2);
  EXPECT_NEAR(curve.rate(2), 200, 1e-9);
  EXPECT_NEAR(curve.rate(4), 100, 1e-9);
  EXPECT_NEAR(curve.rate(6), 200.0 / 3, 1e-9);
}

TEST(FitScaling, LessThanACoreStillHasACurve) {
  const ScalingCurve curve = fit_scaling(std::vector<ScalingPoint>{{1, 60}, {2, 60}}, 0.5);
  EXPECT_NEAR(curve.rate(1), 60, 1e-9);
  EXPECT_NEAR(curve.rate(2), 60, 1e-9);
}

TEST(FitScaling, RefusesWhatIsNoMeasurement) {
  EXPECT_THROW(fit_scaling({}, 2), ArgumentError);
  EXPECT_THROW(fit_scaling(std::vector<ScalingPoint>{{0, 100}}, 2), ArgumentError);
  EXPECT_THROW(fit_scaling(std::vector<ScalingPoint>{{1, 0}}, 2), ArgumentError);
  EXPECT_THROW(fit_scaling(std::vector<ScalingPoint>{{1, NAN}}, 2), ArgumentError);
  EXPECT_THROW(fit_scaling(std::vector<ScalingPoint>{{1, 100}}, 0), ArgumentError);
}

TEST(FewestThreads, StopBeforeTheGainsEnd) {
  const ScalingCurve curve = fit_scaling(points_of(100, 0, 0.02, {1, 2, 4, 8}), 8);
  // 100 w / (1 + 0.02 w (w - 1)): 467 at 6, 483 at 7 is the most, 472 at 8.
  EXPECT_EQ(fewest_near_best(curve, 8, 0), 7);
  EXPECT_EQ(fewest_near_best(curve, 8, 0.1), 5);
  EXPECT_EQ(fewest_near_best(curve, 3, 0), 3);
}

TEST(FewestThreads, ForARateAreNoMoreThanNeeded) {
  const ScalingCurve curve = fit_scaling(std::vector<ScalingPoint>{{1, 100}}, 8);
  EXPECT_EQ(fewest_for_rate(curve, 100, 8), 1);
  EXPECT_EQ(fewest_for_rate(curve, 101, 8), 2);
  EXPECT_EQ(fewest_for_rate(curve, 10'000, 8), 8);
  EXPECT_EQ(fewest_for_rate(curve, 10'000, 3), 3);
}

}  // namespace
}  // namespace stoker
