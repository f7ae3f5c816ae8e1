// The advisor's functions, as Python sees them: dicts of numbers in, dicts of numbers and texts out.

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

}  // namespace

void bind_advise(nb::module_& module) {
  nb::class_<ScalingCurve>(module, "ScalingCurve", "A loader's rate by threads; made by fit_scaling.")
      .def_ro("rate_one", &ScalingCurve::rate_one)
      .def_ro("contention", &ScalingCurve::contention)
      .def_ro("coherence", &ScalingCurve::coherence)
      .def_ro("crowding", &ScalingCurve::crowding)
      .def_ro("cores", &ScalingCurve::cores)
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
}

}  // namespace stoker
