# SPDX-License-Identifier: MIT
# Enables CUDA where there is a compiler for it. CMAKE_CUDA_COMPILER is false where there is none.
include(CheckLanguage)
check_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER)
  if(BYZCCL_CUDA STREQUAL "ON")
    message(FATAL_ERROR "BYZCCL_CUDA is ON, but no CUDA compiler was found; put nvcc on the PATH "
                        "or set CMAKE_CUDA_COMPILER")
  endif()
  message(STATUS "No CUDA compiler found: the kernels are not built")
  return()
endif()

set(BYZCCL_CUDA_ARCHITECTURES 90 CACHE STRING "GPU architectures to build the kernels for")
set(CMAKE_CUDA_ARCHITECTURES ${BYZCCL_CUDA_ARCHITECTURES})
set(CMAKE_CUDA_RUNTIME_LIBRARY Shared)  # one in a process
enable_language(CUDA)
find_package(CUDAToolkit REQUIRED)

# Flags for our own device code, linked privately. fmad off: a product is fused into a sum only where
# the source says fma. relaxed-constexpr: device code calls std::bit_cast and std::numeric_limits.
add_library(byzccl_kernel_flags INTERFACE)
target_compile_options(byzccl_kernel_flags INTERFACE $<$<COMPILE_LANGUAGE:CUDA>:
  --fmad=false --expt-relaxed-constexpr -Xcompiler=-Wall,-Wextra,-ffp-contract=off>)
if(BYZCCL_WERROR)
  target_compile_options(byzccl_kernel_flags INTERFACE
    "$<$<COMPILE_LANGUAGE:CUDA>:SHELL:-Werror all-warnings -Xcompiler=-Werror>")
endif()
