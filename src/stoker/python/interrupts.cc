// Finalisers that Ctrl-C cannot break off.

#include "stoker/python/module.h"

namespace stoker {
namespace {

// A finaliser that fails so often fails for another reason than signals.
constexpr int kMostTries = 16;

int raise_now(void* problem) {
  const nb::object held = nb::steal(static_cast<PyObject*>(problem));
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(held.ptr())), held.ptr());
  return -1;
}

// Asked for once: asking runs Python code, in which the next signal may be answered.
unsigned long main_thread = 0;

// Raises `problem` in the main thread as soon as its own code goes on. False where that cannot be.
bool raise_later(const nb::object& problem) {
  if (PyThread_get_thread_ident() != main_thread) return false;
  PyException_SetTraceback(problem.ptr(), Py_None);  // of the finaliser, where nothing went wrong
  if (Py_AddPendingCall(raise_now, nb::object(problem).release().ptr()) == 0) return true;
  problem.dec_ref();
  return false;
}

// Python drops and prints what is raised in a finaliser. Signal handlers raise in whatever code runs, so the
// finaliser is run again, and what was raised comes afterwards.
void call_to_its_end(const nb::object& function, nb::handle self) {
  nb::object raised;
  for (int tries = 1;; ++tries) {
    try {
      function(self);
      break;
    } catch (nb::python_error& problem) {
      if (tries == kMostTries) throw;
      if (!raised.is_valid()) raised = nb::borrow(problem.value());
    }
  }
  if (raised.is_valid() && !raise_later(raised)) {
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(raised.ptr())), raised.ptr());
    throw nb::python_error();
  }
}

}  // namespace

void bind_interrupts(nb::module_& module) {
  const nb::object main = nb::module_::import_("threading").attr("main_thread")();
  main_thread = nb::cast<unsigned long>(main.attr("ident"));
  module.def(
      "uninterrupted",
      [](nb::object function) {
        return nb::cpp_function([function](nb::handle self) { call_to_its_end(function, self); },
                                nb::is_method());
      },
      nb::arg("function"),
      nb::sig("def uninterrupted(function: collections.abc.Callable[[typing.Any], None]) -> "
              "collections.abc.Callable[[typing.Any], None]"),
      "Makes a `__del__` that may be called twice run to its end: what a signal handler raises in it, "
      "KeyboardInterrupt above all, is raised in the program afterwards instead of being dropped.");
}

}  // namespace stoker
