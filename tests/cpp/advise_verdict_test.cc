#include <gtest/gtest.h>

#include "stoker/advise/verdict.h"
#include "stoker/base/error.h"

namespace stoker {
namespace {

// Decoding for 2 of 4 ms, two threads on two cores that are always busy: 500 samples/s.
Measurements decoding() {
  Measurements measured;
  measured.steps = {{"fetch", StepKind::kFetch, 0.1},
                    {"decode", StepKind::kDecode, 2.0},
                    {"resize", StepKind::kOperator, 1.5},
                    {"store", StepKind::kStore, 0.4}};
  measured.threads = 2;
  measured.cores = 2;
  measured.loader_rate = 500;
  measured.shares = ThreadShares{1.0, 0, 0, 0};
  return measured;
}

TEST(Judge, NamesDecodeWhereItTakesMostCpuTime) {
  const Verdict verdict = judge(decoding());
  EXPECT_EQ(verdict.bound, Bound::kDecode);
  EXPECT_EQ(verdict.name, "decode");
  EXPECT_DOUBLE_EQ(verdict.rate, 500);
  EXPECT_DOUBLE_EQ(verdict.step_share, 0.5);
  EXPECT_DOUBLE_EQ(verdict.best_rate, 1000);
  EXPECT_DOUBLE_EQ(verdict.gain, 1);
  EXPECT_EQ(verdict.sentence,
            "Bound by decode at 500 samples/s: 50 % of the CPU time of a sample; up to 100 % is to gain "
            "(1000 samples/s).");
}

TEST(Judge, NamesTheSlowOperator) {
  Measurements measured = decoding();
  measured.steps[2] = {"gaussian_blur", StepKind::kOperator, 9};
  const Verdict verdict = judge(measured);
  EXPECT_EQ(verdict.bound, Bound::kOperator);
  EXPECT_EQ(verdict.name, "gaussian_blur");
}

TEST(Judge, NamesTheTrainerWhereLoadingIsFaster) {
  Measurements measured = decoding();
  measured.trainer_rate = 400;
  const Verdict verdict = judge(measured);
  EXPECT_EQ(verdict.bound, Bound::kTrainer);
  EXPECT_DOUBLE_EQ(verdict.rate, 400);
  EXPECT_DOUBLE_EQ(verdict.gain, 0);
}

TEST(Judge, TheTrainerIsFedFromNineteenTwentiethsOn) {
  Measurements measured = decoding();
  measured.trainer_rate = 500 / 0.951;
  EXPECT_EQ(judge(measured).bound, Bound::kTrainer);
  measured.trainer_rate = 500 / 0.949;
  EXPECT_EQ(judge(measured).bound, Bound::kDecode);
}

TEST(Judge, AHungryTrainerLimitsTheGain) {
  Measurements measured = decoding();
  measured.trainer_rate = 800;
  measured.training_rate = 450;
  const Verdict verdict = judge(measured);
  EXPECT_EQ(verdict.bound, Bound::kDecode);
  EXPECT_DOUBLE_EQ(verdict.rate, 450);
  EXPECT_DOUBLE_EQ(verdict.best_rate, 800);
}

TEST(Judge, TrainingThatIsSlowedDownByLoadingIsNotFed) {
  Measurements measured = decoding();
  measured.trainer_rate = 400;
  measured.training_rate = 300;
  EXPECT_EQ(judge(measured).bound, Bound::kDecode);
}

TEST(Judge, NamesStorageWhereThreadsWaitForBytes) {
  Measurements measured = decoding();
  measured.loader_rate = 100;
  measured.shares = ThreadShares{0.2, 0.8, 0, 0};
  const Verdict verdict = judge(measured);
  EXPECT_EQ(verdict.bound, Bound::kStorage);
  EXPECT_DOUBLE_EQ(verdict.best_rate, 500);
}

TEST(Judge, AShortWaitForBytesIsNoBound) {
  Measurements measured = decoding();
  measured.shares = ThreadShares{0.85, 0.15, 0, 0};
  EXPECT_EQ(judge(measured).bound, Bound::kDecode);
}

TEST(Judge, WaitsCountForMoreThanAStorageMeasuredElsewhere) {
  Measurements measured = decoding();
  measured.storage_rate = 50;
  EXPECT_EQ(judge(measured).bound, Bound::kDecode);
  measured.shares.reset();
  EXPECT_EQ(judge(measured).bound, Bound::kStorage);
}

TEST(Judge, NamesPythonThatRunsOneSampleAtATime) {
  Measurements measured = decoding();
  measured.shares.reset();
  measured.steps.push_back({"make_patches", StepKind::kPython, 5, true});
  const Verdict verdict = judge(measured);
  EXPECT_EQ(verdict.bound, Bound::kPython);
  EXPECT_EQ(verdict.name, "make_patches");
  EXPECT_DOUBLE_EQ(verdict.ceilings[0].samples_per_s, 200);
}

TEST(Judge, NamesTheHandOffWhereFinishedBatchesWait) {
  Measurements measured = decoding();
  measured.shares = ThreadShares{0.4, 0, 0.6, 0};
  EXPECT_EQ(judge(measured).bound, Bound::kHandOff);
  measured = decoding();
  measured.shares.reset();
  measured.steps.push_back({"unpickling", StepKind::kHandOff, 4, true});
  EXPECT_EQ(judge(measured).bound, Bound::kHandOff);
}

TEST(Judge, NamesTooManyThreads) {
  Measurements measured = decoding();
  measured.threads = 16;
  measured.scaling = {{1, 280}, {2, 550}, {16, 400}};
  measured.loader_rate = 400;
  const Verdict verdict = judge(measured);
  EXPECT_EQ(verdict.bound, Bound::kThreads);
  EXPECT_NEAR(verdict.best_rate, 550, 10);

  measured.scaling.clear();
  measured.shares = ThreadShares{1, 0, 0, 0.85};
  EXPECT_EQ(judge(measured).bound, Bound::kThreads);
  measured.shares->off_cpu = 0.1;
  EXPECT_EQ(judge(measured).bound, Bound::kDecode);
}

// On a crowded machine few batches are asked for in time, so that the threads are often idle; those that are
// not still want more cores than there are.
TEST(Judge, NamesTooManyThreadsOnACrowdedMachine) {
  Measurements measured = decoding();
  measured.threads = 16;
  measured.loader_rate = 200;
  measured.scaling = {{1, 110}, {2, 180}, {16, 210}};
  measured.shares = ThreadShares{0.4, 0, 0, 0.36};
  const Verdict verdict = judge(measured);
  EXPECT_EQ(verdict.bound, Bound::kThreads);
  EXPECT_LT(verdict.gain, 0.01);
  EXPECT_EQ(
      verdict.sentence,
      "Bound by too many threads at 200 samples/s: 16 share 2 cores and wait for each other; as many as "
      "there are cores would load as fast.");
}

TEST(Judge, FewThreadsTooManyThatCostNothingAreNoBound) {
  Measurements measured = decoding();
  measured.threads = 4;
  measured.shares = ThreadShares{1, 0, 0, 0.5};
  const Verdict verdict = judge(measured);
  EXPECT_EQ(verdict.bound, Bound::kDecode);
  EXPECT_DOUBLE_EQ(verdict.best_rate, 1000);  // not the rate of four cores
}

TEST(Judge, SaysWhereTheGainCannotBeTold) {
  Measurements measured = decoding();
  measured.steps = {{"decode", StepKind::kDecode, 4}};
  const Verdict verdict = judge(measured);
  EXPECT_EQ(verdict.best_rate, 0);
  EXPECT_EQ(verdict.gain, 0);
  EXPECT_NE(verdict.sentence.find("how much is to gain cannot be told"), std::string::npos);
}

TEST(Judge, BusyNeighboursAreNotTooManyThreads) {
  Measurements measured = decoding();
  measured.shares->off_cpu = 0.6;
  EXPECT_EQ(judge(measured).bound, Bound::kDecode);
}

TEST(Judge, RefusesWhatTellsNothing) {
  Measurements measured = decoding();
  measured.loader_rate = 0;
  EXPECT_THROW(judge(measured), ArgumentError);
  measured = Measurements{};
  measured.loader_rate = 5;
  EXPECT_THROW(judge(measured), ArgumentError);
}

}  // namespace
}  // namespace stoker
