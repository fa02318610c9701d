# SPDX-License-Identifier: MIT
# byzccl_find_torch_wheel(): torch as its wheel (or the LibTorch archive) lays it out, as targets
# wheel::c10, wheel::torch_cpu, wheel::torch_python, and wheel::c10_cuda where it has CUDA. By hand:
# find_package(Torch) wants nvcc, and changes flags for everybody. Also part of the installed package.

# Sets BYZCCL_TORCH_ROOT (the folder with include/ and lib/; what the caller has set stays),
# BYZCCL_TORCH_VERSION ("2.11") and BYZCCL_TORCH_CUDA_MAJOR ("13"; empty: torch has no CUDA) in the
# caller's scope. All are empty where there is no torch.
function(byzccl_find_torch_wheel)
  set(root "${BYZCCL_TORCH_ROOT}")
  if(NOT root AND Python_EXECUTABLE)
    execute_process(
      COMMAND ${Python_EXECUTABLE} -c
        "import importlib.util as u, os; s = u.find_spec('torch'); print(os.path.dirname(s.origin) if s else '', end='')"
      OUTPUT_VARIABLE root)
  endif()
  set(version_header ${root}/include/torch/headeronly/version.h)
  set(version "")
  if(root AND EXISTS ${version_header})
    file(STRINGS ${version_header} lines REGEX "define TORCH_VERSION_(MAJOR|MINOR) ")
    string(REGEX REPLACE "^[^0-9]*([0-9]+)[^0-9]*([0-9]+).*$" "\\1.\\2" version "${lines}")
  else()
    set(root "")
  endif()
  # The runtime's soname, which c10_cuda asks for: the version without a need to run Python.
  set(cuda_major "")
  if(root AND EXISTS ${root}/lib/libc10_cuda.so)
    file(STRINGS ${root}/lib/libc10_cuda.so sonames REGEX "libcudart\\.so\\.[0-9]+")
    if("${sonames}" MATCHES "libcudart\\.so\\.([0-9]+)")
      set(cuda_major ${CMAKE_MATCH_1})
    endif()
  endif()
  set(BYZCCL_TORCH_CUDA_MAJOR "${cuda_major}" PARENT_SCOPE)
  set(BYZCCL_TORCH_ROOT "${root}" PARENT_SCOPE)
  set(BYZCCL_TORCH_VERSION "${version}" PARENT_SCOPE)
  if(NOT root OR TARGET wheel::c10)
    return()
  endif()

  set(libraries c10 torch_cpu torch_python)
  if(cuda_major)
    list(APPEND libraries c10_cuda)
  endif()
  foreach(name ${libraries})
    add_library(wheel::${name} SHARED IMPORTED GLOBAL)
    set_target_properties(wheel::${name} PROPERTIES IMPORTED_LOCATION ${root}/lib/lib${name}.so)
    target_include_directories(wheel::${name} SYSTEM INTERFACE ${root}/include
      ${root}/include/torch/csrc/api/include)
  endforeach()
  target_link_libraries(wheel::torch_cpu INTERFACE wheel::c10)
  target_link_libraries(wheel::torch_python INTERFACE wheel::torch_cpu)
  # What the wheel was built with: these change what its headers declare.
  target_compile_definitions(wheel::torch_cpu INTERFACE
    USE_DISTRIBUTED USE_C10D_GLOO USE_RPC USE_TENSORPIPE)
endfunction()
