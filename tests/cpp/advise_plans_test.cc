#include <gtest/gtest.h>

#include <algorithm>

#include "stoker/advise/plans.h"
#include "stoker/base/error.h"

namespace stoker {
namespace {

ScalingCurve curve_of(double rate_one) {
  ScalingCurve curve;
  curve.rate_one = rate_one;
  curve.cores = 2;
  return curve;
}

StoredForm form_of(Form form, int cut, double bytes, double rate_one) {
  StoredForm out;
  out.form = form;
  out.cut = cut;
  out.bytes = bytes;
  out.read_bytes = form == Form::kAsIs ? 100e3 : bytes;
  out.pack_cpu_ms = form == Form::kAsIs ? 0 : 2;
  out.warm = curve_of(rate_one);
  out.cpu_ms = 1000 / rate_one;
  return out;
}

// 100,000 samples at 500 a second a thread; raw pixels would give 2,000.
struct Case {
  Situation now;
  std::vector<StoredForm> forms;
};

Case photographs() {
  Case out;
  out.now.samples = 100'000;
  out.now.epochs = 90;
  out.now.cores = 2;
  out.now.most_threads = 2;
  out.now.threads = 1;
  out.now.batch_size = 64;
  out.now.batch_bytes = 38e6;
  out.now.cache_bytes = 1e12;
  out.forms = {form_of(Form::kAsIs, 0, 0, 500), form_of(Form::kSource, 0, 100e3, 515),
               form_of(Form::kRaw, 1, 260e3, 2000)};
  return out;
}

const LoadingPlan& chosen(const Choice& choice) { return choice.plans[choice.chosen]; }

TEST(Choose, TakesTheLeastTotalTime) {
  const Case given = photographs();
  const Choice choice = choose(given.now, given.forms);
  ASSERT_EQ(choice.plans.size(), 6u);
  EXPECT_EQ(choice.plans[0].threads, 1);
  EXPECT_DOUBLE_EQ(choice.plans[0].total_s, 90 * 200);
  const LoadingPlan& plan = chosen(choice);
  EXPECT_EQ(plan.form, 2u);
  EXPECT_EQ(plan.threads, 2);
  EXPECT_DOUBLE_EQ(plan.rate, 4000);
  EXPECT_DOUBLE_EQ(plan.step_ms, 16);
  EXPECT_DOUBLE_EQ(plan.preparation_s, 100);  // 2 ms on two threads
  EXPECT_DOUBLE_EQ(plan.total_s, 100 + 90 * 25);
  EXPECT_DOUBLE_EQ(plan.disk_bytes, 26e9);
  EXPECT_DOUBLE_EQ(*plan.break_even_epochs, 100.0 / 175);
  EXPECT_EQ(chosen(choice).refused, "");
}

TEST(Choose, DoesNothingWhereTheTrainerIsFed) {
  Case given = photographs();
  given.now.trainer_rate = 520;  // 500 is 96 %
  const Choice choice = choose(given.now, given.forms);
  EXPECT_TRUE(choice.is_fed);
  EXPECT_EQ(choice.chosen, 0u);
  given.now.trainer_rate = 540;
  EXPECT_FALSE(choose(given.now, given.forms).is_fed);
}

TEST(Choose, ThreadsThatFeedTheTrainerAreSimplerThanPacking) {
  Case given = photographs();
  given.now.trainer_rate = 900;
  const Choice choice = choose(given.now, given.forms);
  EXPECT_EQ(chosen(choice).form, 0u);
  EXPECT_EQ(chosen(choice).threads, 2);
  EXPECT_DOUBLE_EQ(chosen(choice).rate, 900);
}

TEST(Choose, PreparationMustPayWithinTheEpochs) {
  Case given = photographs();
  given.now.epochs = 1;
  given.now.threads = 2;
  given.forms[2].pack_cpu_ms = 4;  // 200 s for an epoch of 25 s, against 100 s as it is
  EXPECT_EQ(chosen(choose(given.now, given.forms)).form, 0u);
  given.now.jobs = 10;  // 20 s a job
  EXPECT_EQ(chosen(choose(given.now, given.forms)).form, 2u);
  given.now.jobs = 1;
  given.now.epochs = 4;
  const Choice choice = choose(given.now, given.forms);
  EXPECT_EQ(chosen(choice).form, 2u);
  EXPECT_NEAR(*chosen(choice).break_even_epochs, 200.0 / 75, 1e-9);
}

TEST(Choose, NothingPaysWhereNothingIsSaved) {
  Case given = photographs();
  given.now.epochs = 1;
  given.forms[2].pack_cpu_ms = 1.7321;
  for (int tenth = 0; tenth < 100; ++tenth) {
    given.now.trainer_rate = 99 + tenth / 10.0;  // every form gives as much, but for rounding
    for (const LoadingPlan& plan : choose(given.now, given.forms).plans) {
      EXPECT_FALSE(plan.break_even_epochs) << given.now.trainer_rate;
    }
  }
}

TEST(Choose, PrefersTheSimplerWithinFivePerCent) {
  Case given = photographs();
  given.now.threads = 2;
  given.forms = {given.forms[0], given.forms[1]};
  given.forms[1].pack_cpu_ms = 0.01;
  given.forms[1].warm = curve_of(520);
  Choice choice = choose(given.now, given.forms);
  EXPECT_EQ(chosen(choice).form, 0u);
  EXPECT_EQ(choice.plans[choice.fastest].form, 1u);
  given.forms[1].warm = curve_of(560);
  EXPECT_EQ(chosen(choose(given.now, given.forms)).form, 1u);
}

TEST(Choose, KeepsToTheLimits) {
  Case given = photographs();
  given.now.disk_bytes = 20e9;
  Choice choice = choose(given.now, given.forms);
  EXPECT_NE(chosen(choice).form, 2u);
  EXPECT_EQ(choice.plans[5].refused, "it needs 26.0 GB of disk, 20.0 GB are allowed");
  given.now.disk_bytes.reset();
  given.now.preparation_s = 50;
  EXPECT_EQ(choose(given.now, given.forms).plans[5].refused, "preparing takes 100 s, 50 s are allowed");
  given.now.preparation_s.reset();
  given.forms[2].form = Form::kNpy;
  given.now.memory_bytes = 10e9;
  EXPECT_EQ(chosen(choose(given.now, given.forms)).form, 0u);
}

TEST(Choose, NeverTakesWhatChangesTrainingWithoutConsent) {
  Case given = photographs();
  given.forms[2].needs_consent = true;
  Choice choice = choose(given.now, given.forms);
  EXPECT_NE(chosen(choice).form, 2u);
  EXPECT_FALSE(choice.plans[5].refused.empty());
  EXPECT_LT(choice.plans[5].total_s, chosen(choice).total_s);  // it is offered, with its numbers
  given.forms[2].has_consent = true;
  EXPECT_EQ(chosen(choose(given.now, given.forms)).form, 2u);
}

TEST(Choose, DataBeyondThePageCacheAreReadAtTheColdRate) {
  Case given = photographs();
  given.forms[2].cold = curve_of(200);
  EXPECT_EQ(chosen(choose(given.now, given.forms)).form, 2u);  // all of it stays in the cache
  given.now.cache_bytes = 0;
  const Choice choice = choose(given.now, given.forms);
  EXPECT_DOUBLE_EQ(choice.plans[4].rate, 200);
  EXPECT_EQ(chosen(choice).form, 0u);
  given.now.cache_bytes = 13e9;  // half of it
  EXPECT_NEAR(choose(given.now, given.forms).plans[4].rate, 2 / (1 / 200.0 + 1 / 2000.0), 1e-9);
}

TEST(Choose, AColdStartCostsOneEpoch) {
  Case given = photographs();
  given.forms[0].cold = curve_of(100);
  given.now.is_cold = true;
  const Choice choice = choose(given.now, given.forms);
  EXPECT_DOUBLE_EQ(choice.plans[0].total_s, 1000 + 89 * 200);
}

TEST(Choose, TheTrainersOwnCpuTimeIsTakenOffTheCores) {
  Case given = photographs();
  given.now.trainer_cpu_ms = 2;
  // 0.5 ms of loading and 2 ms of training on two cores.
  EXPECT_DOUBLE_EQ(choose(given.now, given.forms).plans[5].rate, 800);
}

TEST(Choose, RefusesNumbersThatMeanNothing) {
  Case given = photographs();
  given.now.epochs = 0;
  EXPECT_THROW(choose(given.now, given.forms), ArgumentError);
  given = photographs();
  std::swap(given.forms[0], given.forms[1]);
  EXPECT_THROW(choose(given.now, given.forms), ArgumentError);
  given = photographs();
  given.forms[1].warm.rate_one = 0;
  EXPECT_THROW(choose(given.now, given.forms), ArgumentError);
}

TEST(PrefetchDepth, GrowsWithSlowSamplesInSmallBatches) {
  EXPECT_EQ(prefetch_depth(64, 2, 6, 2), 2);    // 6 ms of a batch of 64 ms
  EXPECT_EQ(prefetch_depth(64, 2, 60, 2), 3);   // nearly a batch
  EXPECT_EQ(prefetch_depth(4, 2, 20, 2), 7);    // five batches of 4 ms
  EXPECT_EQ(prefetch_depth(1, 1, 1e6, 2), 16);  // bounded
}

TEST(ChooseWorkers, AreTheFewestThatFeedTheTrainer) {
  ScalingCurve curve = curve_of(100);
  curve.cores = 8;
  WorkerPlan plan = choose_workers(curve, 250, 8, 32, 10, 30);
  EXPECT_EQ(plan.workers, 3);
  EXPECT_DOUBLE_EQ(plan.rate, 250);
  EXPECT_EQ(plan.prefetch_factor, 2);
  EXPECT_EQ(choose_workers(curve, 0, 8, 32, 10, 30).workers, 8);
  // A sample of three seconds would stop everything with two batches a worker.
  EXPECT_GT(choose_workers(curve, 250, 8, 32, 10, 3000).prefetch_factor, 8);
  curve.coherence = 0.05;  // the most at 4 or 5
  EXPECT_EQ(choose_workers(curve, 0, 8, 32, 10, 30).workers, 4);
}

}  // namespace
}  // namespace stoker
