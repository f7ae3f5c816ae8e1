// The advisor's functions, as Python sees them: dicts of numbers in, dicts of numbers and texts out.

#include <nanobind/stl/optional.h>

#include "stoker/advise/plans.h"
#include "stoker/advise/scaling.h"
#include "stoker/advise/verdict.h"
#include "stoker/python/module.h"
#include "stoker/python/options.h"

namespace stoker {
namespace {

void check_all_taken(const nb::dict& given, const char* where) {
  if (given.size() == 0) return;
  throw ArgumentTypeError(std::string(where) + ": unknown " + nb::cast<std::string>(nb::repr(given.keys())) +
                          ".");
}

nb::dict copy_of(nb::handle given) { return nb::cast<nb::dict>(given.attr("copy")()); }

StepCost take_step(nb::dict given) {
  StepCost step;
  step.name = take<std::string>(given, "name", "");
  step.kind = take_choice<StepKind>(given, "kind",
                                    {{"operator", StepKind::kOperator},
                                     {"fetch", StepKind::kFetch},
                                     {"decode", StepKind::kDecode},
                                     {"store", StepKind::kStore},
                                     {"python", StepKind::kPython},
                                     {"hand-off", StepKind::kHandOff}});
  step.cpu_ms = take_number(given, "cpu_ms", 0);
  step.is_serial = take<bool>(given, "is_serial", false);
  check_all_taken(given, "judge: steps");
  return step;
}

std::vector<ScalingPoint> points_from(const std::vector<std::vector<double>>& given) {
  std::vector<ScalingPoint> points;
  for (const std::vector<double>& each : given) {
    if (each.size() != 2) throw ArgumentError("scaling: a point is (threads, samples_per_s).");
    points.push_back({each[0], each[1]});
  }
  return points;
}

Measurements take_measurements(nb::dict given) {
  Measurements measured;
  if (given.contains("steps")) {
    const nb::object steps = given["steps"];
    nb::del(given["steps"]);
    for (const nb::handle each : steps) measured.steps.push_back(take_step(copy_of(each)));
  }
  measured.threads = take<int>(given, "threads", 1);
  measured.cores = take_number(given, "cores", 1);
  measured.loader_rate = take_number(given, "loader_rate", 0);
  measured.trainer_rate = take_number(given, "trainer_rate", 0);
  measured.training_rate = take_number(given, "training_rate", 0);
  measured.storage_rate = take_number(given, "storage_rate", 0);
  measured.scaling = points_from(take<std::vector<std::vector<double>>>(given, "scaling", {}));
  if (given.contains("shares")) {
    const nb::object object = given["shares"];
    nb::del(given["shares"]);
    if (!object.is_none()) {
      nb::dict shares = copy_of(object);
      measured.shares = ThreadShares{take_number(shares, "busy", 0), take_number(shares, "starved", 0),
                                     take_number(shares, "blocked", 0), take_number(shares, "off_cpu", 0)};
      check_all_taken(shares, "judge: shares");
    }
  }
  check_all_taken(given, "judge");
  return measured;
}

nb::dict verdict_to_python(const Verdict& verdict) {
  nb::dict out;
  out["bound"] = std::string(name_of(verdict.bound));
  out["name"] = verdict.name;
  out["rate"] = verdict.rate;
  out["best_rate"] = verdict.best_rate;
  out["gain"] = verdict.gain;
  out["step_share"] = verdict.step_share;
  nb::list ceilings;
  for (const Ceiling& each : verdict.ceilings) {
    nb::dict ceiling;
    ceiling["bound"] = std::string(name_of(each.bound));
    ceiling["name"] = each.name;
    ceiling["samples_per_s"] = each.samples_per_s;
    ceilings.append(ceiling);
  }
  out["ceilings"] = ceilings;
  out["sentence"] = verdict.sentence;
  return out;
}

std::optional<double> take_limit(nb::dict& given, const char* name) {
  if (given.contains(name) && given[name].is_none()) nb::del(given[name]);
  if (!given.contains(name)) return std::nullopt;
  return take_number(given, name, 0);
}

Situation take_situation(nb::dict given) {
  Situation now;
  now.samples = take_number(given, "samples", 0);
  now.epochs = take_number(given, "epochs", 1);
  now.jobs = take_number(given, "jobs", 1);
  now.cores = take_number(given, "cores", 1);
  now.most_threads = take<int>(given, "most_threads", 1);
  now.threads = take<int>(given, "threads", 1);
  now.prefetch = take<int>(given, "prefetch", 2);
  now.batch_size = take_number(given, "batch_size", 1);
  now.batch_bytes = take_number(given, "batch_bytes", 0);
  now.trainer_rate = take_number(given, "trainer_rate", 0);
  now.trainer_cpu_ms = take_number(given, "trainer_cpu_ms", 0);
  now.write_bytes_per_s = take_number(given, "write_bytes_per_s", 0);
  now.cache_bytes = take_number(given, "cache_bytes", 0);
  now.is_cold = take<bool>(given, "is_cold", false);
  now.disk_bytes = take_limit(given, "disk_bytes");
  now.memory_bytes = take_limit(given, "memory_bytes");
  now.preparation_s = take_limit(given, "preparation_s");
  check_all_taken(given, "choose: situation");
  return now;
}

StoredForm take_form(nb::dict given) {
  StoredForm form;
  form.form = take_choice<Form>(given, "form",
                                {{"as-is", Form::kAsIs},
                                 {"source", Form::kSource},
                                 {"raw", Form::kRaw},
                                 {"npy", Form::kNpy},
                                 {"jpeg", Form::kJpeg}});
  form.cut = take<int>(given, "cut", 0);
  form.variants = take<int>(given, "variants", 1);
  form.bytes = take_number(given, "bytes", 0);
  form.pack_cpu_ms = take_number(given, "pack_cpu_ms", 0);
  form.warm = take<ScalingCurve>(given, "warm", {});
  if (given.contains("cold") && given["cold"].is_none()) nb::del(given["cold"]);
  if (given.contains("cold")) form.cold = take<ScalingCurve>(given, "cold", {});
  form.cpu_ms = take_number(given, "cpu_ms", 0);
  form.p99_ms = take_number(given, "p99_ms", 0);
  form.read_bytes = take_number(given, "read_bytes", 0);
  form.needs_consent = take<bool>(given, "needs_consent", false);
  form.has_consent = take<bool>(given, "has_consent", false);
  check_all_taken(given, "choose: forms");
  return form;
}

nb::dict plan_to_python(const LoadingPlan& plan) {
  nb::dict out;
  out["form"] = plan.form;
  out["threads"] = plan.threads;
  out["prefetch"] = plan.prefetch;
  out["rate"] = plan.rate;
  out["loader_rate"] = plan.loader_rate;
  out["step_ms"] = plan.step_ms;
  out["preparation_s"] = plan.preparation_s;
  out["total_s"] = plan.total_s;
  out["disk_bytes"] = plan.disk_bytes;
  out["memory_bytes"] = plan.memory_bytes;
  out["break_even_epochs"] = plan.break_even_epochs;
  out["refused"] = plan.refused;
  return out;
}

nb::dict choice_to_python(const Choice& choice) {
  nb::list plans;
  for (const LoadingPlan& plan : choice.plans) plans.append(plan_to_python(plan));
  nb::dict out;
  out["plans"] = plans;
  out["chosen"] = choice.chosen;
  out["fastest"] = choice.fastest;
  out["is_fed"] = choice.is_fed;
  return out;
}

nb::dict workers_to_python(const WorkerPlan& plan) {
  nb::dict out;
  out["workers"] = plan.workers;
  out["prefetch_factor"] = plan.prefetch_factor;
  out["rate"] = plan.rate;
  return out;
}

}  // namespace

void bind_advise(nb::module_& module) {
  nb::class_<ScalingCurve>(module, "ScalingCurve", "A loader's rate by threads; made by fit_scaling.")
      .def_ro("rate_one", &ScalingCurve::rate_one)
      .def_ro("contention", &ScalingCurve::contention)
      .def_ro("coherence", &ScalingCurve::coherence)
      .def_ro("crowding", &ScalingCurve::crowding)
      .def_ro("cores", &ScalingCurve::cores)
      .def(
          "scaled",
          [](ScalingCurve curve, double factor) {
            curve.rate_one *= factor;
            return curve;
          },
          nb::arg("factor"), "The same curve with every rate times `factor`.")
      .def_ro("error", &ScalingCurve::error, "Root mean square of the relative differences to the points.")
      .def("rate", &ScalingCurve::rate, nb::arg("threads"), "Samples a second.")
      .def("efficiency", &ScalingCurve::efficiency, nb::arg("threads"), "1 is perfect scaling.")
      .def(
          "fewest_near_best",
          [](const ScalingCurve& curve, int most, double slack) {
            return fewest_near_best(curve, most, slack);
          },
          nb::arg("most"), nb::arg("slack") = 0.03,
          "The fewest threads whose rate is within `slack` of the best.")
      .def(
          "fewest_for_rate",
          [](const ScalingCurve& curve, double rate, int most) { return fewest_for_rate(curve, rate, most); },
          nb::arg("rate"), nb::arg("most"),
          "The fewest threads with at least this rate; where there are none, those near the best.");
  module.def(
      "fit_scaling",
      [](const std::vector<std::vector<double>>& points, double cores) {
        return fit_scaling(points_from(points), cores);
      },
      nb::arg("points"), nb::arg("cores"), "The curve through (threads, samples_per_s) points.");
  module.def(
      "judge",
      [](const nb::dict& measured) { return verdict_to_python(judge(take_measurements(copy_of(measured)))); },
      nb::arg("measured"),
      "What bounds training, of a dict: steps (name, kind, cpu_ms, is_serial), threads, cores, loader_rate, "
      "trainer_rate, training_rate, storage_rate, scaling, shares (busy, starved, blocked, off_cpu).");
  module.def(
      "choose_plan",
      [](const nb::dict& situation, const std::vector<nb::dict>& forms) {
        std::vector<StoredForm> list;
        for (const nb::dict& each : forms) list.push_back(take_form(copy_of(each)));
        return choice_to_python(choose(take_situation(copy_of(situation)), list));
      },
      nb::arg("situation"), nb::arg("forms"),
      "Plans and the one to take, of dicts with the fields of Situation and StoredForm in advise/plans.h.");
  module.def(
      "choose_workers",
      [](const ScalingCurve& curve, double trainer_rate, int most, double batch_size, double sample_ms,
         double p99_ms) {
        return workers_to_python(choose_workers(curve, trainer_rate, most, batch_size, sample_ms, p99_ms));
      },
      nb::arg("curve"), nb::arg("trainer_rate"), nb::arg("most"), nb::arg("batch_size"), nb::arg("sample_ms"),
      nb::arg("p99_ms"), "The number of worker processes that feed a trainer, and their prefetch factor.");
}

}  // namespace stoker
