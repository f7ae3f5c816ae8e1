#include <typeinfo>

#include "stoker/python/module.h"

namespace stoker {
namespace {

void set_python_error(const char* class_name, const std::string& text, const nb::object& errors) {
  const nb::object type = nb::module_::import_("stoker.errors").attr(class_name);
  const nb::object value = errors.is_none() ? type(text_to_python(text)) : type(text_to_python(text), errors);
  PyErr_SetObject(type.ptr(), value.ptr());
}

void translate(const std::exception_ptr& thrown, void*) {
  try {
    std::rethrow_exception(thrown);
  } catch (const ArgumentTypeError& error) {
    PyErr_SetObject(PyExc_TypeError, text_to_python(error.what()).ptr());
  } catch (const ArgumentError& error) {
    PyErr_SetObject(PyExc_ValueError, text_to_python(error.what()).ptr());
  } catch (const BadSamples& error) {
    nb::list errors;
    for (const SampleError& each : error.errors()) errors.append(sample_error_to_python(each));
    set_python_error("SampleError", error.what(), errors);
  } catch (const IoError& error) {
    set_python_error("IoError", error.what(), nb::none());
  } catch (const ShardError& error) {
    set_python_error("ShardError", error.what(), nb::none());
  } catch (const InternalError& error) {
    set_python_error("InternalError", error.what(), nb::none());
  } catch (const std::bad_cast&) {
    PyErr_SetString(PyExc_TypeError, "an argument has the wrong type");
  } catch (const Error& error) {
    set_python_error("StokerError", error.what(), nb::none());
  }
}

nb::object number_or_none(int64_t number) { return number < 0 ? nb::none() : nb::cast(number); }

}  // namespace

nb::dict sample_error_to_python(const SampleError& error) {
  nb::dict out;
  out["code"] = std::string(name_of(error.code));
  out["path"] = error.path.empty() ? nb::none() : text_to_python(error.path);
  out["index"] = number_or_none(error.index);
  out["epoch"] = number_or_none(error.epoch);
  out["step"] = error.step;
  out["found"] = text_to_python(error.found);
  out["hint"] = text_to_python(error.hint);
  out["message"] = text_to_python(error.message());
  return out;
}

void bind_errors(nb::module_&) { nb::register_exception_translator(translate); }

}  // namespace stoker
