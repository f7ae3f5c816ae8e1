// The parts of the extension module, one file each.
#pragma once

#include "stoker/python/convert.h"
#include "stoker/run/run.h"

namespace stoker {

void bind_operators(nb::module_& module);
void bind_boxes(nb::module_& module);
void bind_sources(nb::module_& module);
void bind_islands(nb::module_& module);
void bind_run(nb::module_& module);
void bind_gather(nb::module_& module);
void bind_mix(nb::module_& module);
void bind_statistics(nb::module_& module);
void bind_pack(nb::module_& module);
void bind_advise(nb::module_& module);
void bind_call(nb::module_& module);
void bind_interrupts(nb::module_& module);
// Engine errors to the classes of stoker.errors.
void bind_errors(nb::module_& module);

nb::dict sample_error_to_python(const SampleError& error);
nb::dict counters_to_python(const CountersReading& reading);

}  // namespace stoker
