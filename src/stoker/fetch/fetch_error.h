// Why bytes of a sample could not be had.
#pragma once

#include <sys/types.h>

#include <string>

#include "stoker/base/error.h"

namespace stoker {

SampleError fetch_error(SampleErrorCode code, std::string found, std::string hint);

// Of a system call on the file of a sample. Throws IoError where it is no fault of the file (too many are
// open).
SampleError fetch_call_error(const char* call, int error_number);

// Of a file that is a directory, FIFO, socket or device.
SampleError not_regular(mode_t mode);

}  // namespace stoker
