#include "stoker/python/module.h"

NB_MODULE(_native, module) {
  // Objects alive at exit are the interpreter's business; the engine never prints.
  nanobind::set_leak_warnings(false);
  stoker::bind_errors(module);
  stoker::bind_operators(module);
  stoker::bind_boxes(module);
  stoker::bind_sources(module);
  stoker::bind_islands(module);
  stoker::bind_run(module);
  stoker::bind_gather(module);
  stoker::bind_mix(module);
  stoker::bind_statistics(module);
  stoker::bind_pack(module);
  stoker::bind_advise(module);
  stoker::bind_call(module);
  stoker::bind_interrupts(module);
}
