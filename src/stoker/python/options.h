// Keyword arguments of the extension's classes, taken out of a dict one after another; what is left is
// unknown.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "stoker/base/error.h"
#include "stoker/python/convert.h"
#include "stoker/run/plan.h"

namespace stoker {

// Takes `name` out of `given` if it is there.
template <class T>
T take(nb::dict& given, const char* name, T fallback) {
  if (!given.contains(name)) return fallback;
  const nb::object object = given[name];
  nb::del(given[name]);
  T value{};
  if (!nb::try_cast(object, value, false)) {
    throw ArgumentTypeError(std::string(name) + ": got " + nb::cast<std::string>(nb::repr(object)) +
                            ", which has the wrong type.");
  }
  return value;
}

template <class T>
T take_choice(nb::dict& given, const char* name, const std::vector<std::pair<std::string, T>>& choices) {
  if (!given.contains(name)) return choices.front().second;
  const nb::object object = given[name];
  nb::del(given[name]);
  const bool is_text = PyUnicode_Check(object.ptr());
  std::string allowed;
  for (const auto& [each, value] : choices) {
    if (is_text && each == nb::cast<std::string>(object)) return value;
    allowed += (allowed.empty() ? "'" : ", '") + each + "'";
  }
  const std::string message = std::string(name) + " must be one of " + allowed + ", got " +
                              nb::cast<std::string>(nb::repr(object)) + ".";
  if (!is_text) throw ArgumentTypeError(message);
  throw ArgumentError(message);
}

double take_number(nb::dict& given, const char* name, double fallback);
PlanOptions take_plan_options(nb::dict& given);

}  // namespace stoker
