#include "stoker/python/module.h"

NB_MODULE(_native, module) {
  stoker::bind_errors(module);
  stoker::bind_operators(module);
  stoker::bind_sources(module);
  stoker::bind_run(module);
}
