# SPDX-License-Identifier: MIT
# Target NCCL::NCCL and NCCL_VERSION. Looked for in NCCL_ROOT, then in the wheel that torch brings
# for Python_EXECUTABLE (its library is the one that a process with torch has loaded), then in the
# CUDA toolkit and where the system keeps libraries.

set(wheel "")
if(Python_EXECUTABLE)
  execute_process(
    COMMAND ${Python_EXECUTABLE} -c
      "import importlib.util as u; s = u.find_spec('nvidia'); print(next(iter(s.submodule_search_locations)) + '/nccl' if s else '', end='')"
    OUTPUT_VARIABLE wheel ERROR_QUIET)
endif()
set(places ${NCCL_ROOT} $ENV{NCCL_ROOT} $ENV{NCCL_HOME} ${wheel} ${CUDAToolkit_TARGET_DIR}
  ${CUDAToolkit_LIBRARY_ROOT} ${CUDAToolkit_BIN_DIR}/..)

find_path(NCCL_INCLUDE_DIR nccl.h HINTS ${places} PATH_SUFFIXES include)
# The wheel has no link without a number.
find_library(NCCL_LIBRARY NAMES libnccl.so.2 nccl HINTS ${places} PATH_SUFFIXES lib lib64)

if(NCCL_INCLUDE_DIR)
  file(STRINGS ${NCCL_INCLUDE_DIR}/nccl.h lines REGEX "define NCCL_(MAJOR|MINOR|PATCH) ")
  string(REGEX REPLACE "^[^0-9]*([0-9]+)[^0-9]*([0-9]+)[^0-9]*([0-9]+).*$" "\\1.\\2.\\3"
    NCCL_VERSION "${lines}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(NCCL REQUIRED_VARS NCCL_LIBRARY NCCL_INCLUDE_DIR
  VERSION_VAR NCCL_VERSION)

if(NCCL_FOUND AND NOT TARGET NCCL::NCCL)
  add_library(NCCL::NCCL SHARED IMPORTED GLOBAL)
  set_target_properties(NCCL::NCCL PROPERTIES IMPORTED_LOCATION ${NCCL_LIBRARY})
  target_include_directories(NCCL::NCCL SYSTEM INTERFACE ${NCCL_INCLUDE_DIR})
endif()
