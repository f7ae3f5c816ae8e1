// The registry of operators, and the assignment of parameters by name.

#include <algorithm>
#include <charconv>
#include <cmath>

#include "stoker/transform/group.h"
#include "stoker/transform/operator.h"

namespace stoker {
namespace {

std::vector<OperatorInfo>& unsorted_operators() {
  static std::vector<OperatorInfo> all;  // filled by initialisers of namespace scope, before main
  return all;
}

class Describe : public ParameterVisitor {
 public:
  void number(std::string_view name, double& field, double low, double high, std::string_view unit,
              std::string_view doc) override {
    add(name, "number", field, doc);
    set_range(low, high, unit);
  }
  void boolean(std::string_view name, bool& field, std::string_view doc) override {
    add(name, "boolean", field, doc);
  }
  void choice(std::string_view name, std::string& field, std::vector<std::string> choices,
              std::string_view doc) override {
    add(name, "choice", field, doc);
    infos.back().choices = std::move(choices);
  }
  void numbers(std::string_view name, std::vector<double>& field, size_t min_count, size_t max_count,
               double low, double high, std::string_view unit, std::string_view doc) override {
    add(name, "numbers", field, doc);
    set_range(low, high, unit);
    infos.back().min_count = min_count;
    infos.back().max_count = max_count;
    infos.back().is_required = field.empty() && min_count > 0;
  }

  std::vector<ParameterInfo> infos;

 private:
  void add(std::string_view name, std::string_view kind, Value value, std::string_view doc) {
    ParameterInfo info;
    info.name = name;
    info.kind = kind;
    info.default_value = std::move(value);
    info.doc = doc;
    infos.push_back(std::move(info));
  }
  void set_range(double low, double high, std::string_view unit) {
    infos.back().low = low;
    infos.back().high = high;
    infos.back().unit = unit;
  }
};

// As Python writes it.
std::string text_of(const Value& value) {
  if (std::holds_alternative<std::monostate>(value)) return "None";
  if (const bool* flag = std::get_if<bool>(&value)) return *flag ? "True" : "False";
  if (const auto* text = std::get_if<std::string>(&value)) return "'" + *text + "'";
  return to_json(value);
}

std::string brief(double value) {
  if (std::isnan(value)) return "nan";
  if (value == HUGE_VAL) return "infinity";
  if (value == -HUGE_VAL) return "-infinity";
  return to_json(Value(value));
}

class Assign : public ParameterVisitor {
 public:
  Assign(const std::string& owner, const std::map<std::string, Value>& given)
      : owner_(owner), given_(given) {}

  void number(std::string_view name, double& field, double low, double high, std::string_view unit,
              std::string_view) override {
    if (const Value* value = find(name)) field = checked(name, *value, low, high, unit);
    used_values[std::string(name)] = field;
  }
  void boolean(std::string_view name, bool& field, std::string_view) override {
    if (const Value* value = find(name)) {
      const bool* flag = std::get_if<bool>(value);
      if (flag == nullptr) fail_type(name, "True or False", *value);
      field = *flag;
    }
    used_values[std::string(name)] = field;
  }
  void choice(std::string_view name, std::string& field, std::vector<std::string> choices,
              std::string_view) override {
    if (const Value* value = find(name)) {
      const std::string* text = std::get_if<std::string>(value);
      if (text == nullptr) fail_type(name, "a string", *value);
      if (std::find(choices.begin(), choices.end(), *text) == choices.end()) {
        std::string allowed;
        for (const std::string& each : choices) allowed += (allowed.empty() ? "'" : ", '") + each + "'";
        throw ArgumentError(where(name) + " must be one of " + allowed + ", got '" + *text + "'.");
      }
      field = *text;
    }
    used_values[std::string(name)] = field;
  }
  void numbers(std::string_view name, std::vector<double>& field, size_t min_count, size_t max_count,
               double low, double high, std::string_view unit, std::string_view) override {
    if (const Value* value = find(name)) {
      std::vector<double> list;
      if (const auto* many = std::get_if<std::vector<double>>(value)) {
        for (const double each : *many) list.push_back(checked(name, Value(each), low, high, unit));
      } else {
        list.push_back(checked(name, *value, low, high, unit));
      }
      if (list.size() < min_count || list.size() > max_count) {
        const std::string count = min_count == max_count
                                      ? std::to_string(min_count)
                                      : std::to_string(min_count) + " to " + std::to_string(max_count);
        throw ArgumentError(where(name) + " must be " + count + " numbers, got " +
                            std::to_string(list.size()) + ".");
      }
      field = std::move(list);
    } else if (field.empty() && min_count > 0) {
      throw ArgumentTypeError(where(name) + " is required.");
    }
    used_values[std::string(name)] = field;
  }

  // Throws for a given name that no visit asked for.
  void check_all_used() const {
    for (const auto& [name, value] : given_) {
      if (used_values.contains(name)) continue;
      std::string known;
      for (const auto& [each, ignored] : used_values) known += (known.empty() ? "" : ", ") + each;
      throw ArgumentTypeError(owner_ + ": there is no parameter '" + name + "'; it has " + known + ".");
    }
  }

  std::map<std::string, Value> used_values;

 private:
  std::string where(std::string_view name) const { return owner_ + ": " + std::string(name); }

  const Value* find(std::string_view name) const {
    const auto found = given_.find(std::string(name));
    return found == given_.end() ? nullptr : &found->second;
  }

  [[noreturn]] void fail_type(std::string_view name, std::string_view wanted, const Value& got) const {
    throw ArgumentTypeError(where(name) + " must be " + std::string(wanted) + ", got " + text_of(got) + ".");
  }

  double checked(std::string_view name, const Value& value, double low, double high,
                 std::string_view unit) const {
    double real = 0;
    if (const auto* integer = std::get_if<int64_t>(&value)) {
      real = static_cast<double>(*integer);
    } else if (const auto* given = std::get_if<double>(&value)) {
      real = *given;
    } else {
      fail_type(name, "a number", value);
    }
    if (!(real >= low && real <= high)) {  // also catches NaN
      throw ArgumentError(where(name) + " must be between " + brief(low) + " and " + brief(high) +
                          (unit.empty() ? "" : " " + std::string(unit)) + ", got " + brief(real) + ".");
    }
    return real;
  }

  const std::string& owner_;
  const std::map<std::string, Value>& given_;
};

}  // namespace

void register_operator(std::string name, std::string summary, std::string details,
                       std::function<std::unique_ptr<Operator>()> make) {
  const auto example = make();
  Describe describe;
  example->parameters(describe);
  unsorted_operators().push_back({std::move(name), std::move(summary), std::move(details),
                                  std::move(describe.infos), example->operator_class(), std::move(make)});
}

const std::vector<OperatorInfo>& operators() {
  static const std::vector<OperatorInfo> sorted = [] {
    std::vector<OperatorInfo> all = unsorted_operators();
    std::sort(all.begin(), all.end(),
              [](const OperatorInfo& a, const OperatorInfo& b) { return a.name < b.name; });
    return all;
  }();
  return sorted;
}

namespace {

std::string describe_group(const NamedOperator& named) {
  const Group& group = *named.group;
  std::string text = named.name + "([";
  for (const NamedOperator& child : named.children)
    text += (&child == &named.children.front() ? "" : ", ") + describe(child);
  text += "]";
  if (!group.takes_all && named.name == "some_of")
    text += ", least=" + std::to_string(group.least) + ", most=" + std::to_string(group.most);
  if (group.may_repeat) text += ", may_repeat=True";
  if (!group.keeps_order && named.name == "some_of") text += ", keeps_order=False";
  if (!group.weights.empty()) text += ", weights=" + text_of(Value(group.weights));
  return text + ", p=" + text_of(Value(group.p)) + ")";
}

}  // namespace

NamedOperator make_operator(const std::string& name, const std::map<std::string, Value>& given) {
  for (const OperatorInfo& info : operators()) {
    if (info.name != name) continue;
    std::unique_ptr<Operator> made = info.make();
    Assign assign(name, given);
    made->parameters(assign);
    assign.check_all_used();
    made->check();
    return {name, std::move(assign.used_values), std::move(made), nullptr, {}};
  }
  std::string known;
  for (const OperatorInfo& info : operators()) known += (known.empty() ? "" : ", ") + info.name;
  throw ArgumentError("operator: there is none named '" + name + "'; there are " + known + ".");
}

bool NamedOperator::is_random() const {
  if (op != nullptr) return op->is_random();
  const bool is_fixed = group->takes_all && group->p == 1;
  return !is_fixed || std::any_of(children.begin(), children.end(),
                                  [](const NamedOperator& each) { return each.is_random(); });
}

std::string describe(const NamedOperator& named) {
  if (named.group != nullptr) return describe_group(named);
  std::string text = named.name + "(";
  bool is_first = true;
  for (const auto& [name, value] : named.parameters) {
    text += (is_first ? "" : ", ") + name + "=" + text_of(value);
    is_first = false;
  }
  return text + ")";
}

}  // namespace stoker
