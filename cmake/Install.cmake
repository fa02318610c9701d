# SPDX-License-Identifier: MIT
# What `cmake --install` puts where. Component "python" is the libraries of a wheel, on request only
# (pyproject.toml asks for it); everything else is what C++ projects find with find_package(byzccl).
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/byzccl)

install(TARGETS byzccl EXPORT byzcclTargets)
if(TARGET byzccl_cuda)
  find_package(CUDAToolkit REQUIRED)  # its version goes into byzcclConfig.cmake
  install(TARGETS byzccl_cuda EXPORT byzcclCudaTargets)
  install(EXPORT byzcclCudaTargets NAMESPACE byzccl:: DESTINATION ${package_dir})
  if(TARGET NCCL::NCCL)
    set(BYZCCL_WITH_NCCL ON)
    install(FILES cmake/FindNCCL.cmake DESTINATION ${package_dir})
  endif()
endif()
install(DIRECTORY include/ TYPE INCLUDE FILES_MATCHING PATTERN "*.hpp")
install(EXPORT byzcclTargets NAMESPACE byzccl:: DESTINATION ${package_dir})
configure_package_config_file(cmake/byzcclConfig.cmake.in byzcclConfig.cmake
  INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO)
# 0.x promises nothing between minor versions.
write_basic_package_version_file(byzcclConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/byzcclConfig.cmake
  ${PROJECT_BINARY_DIR}/byzcclConfigVersion.cmake DESTINATION ${package_dir})

if(TARGET byzccl_torch)
  install(TARGETS byzccl_torch EXPORT byzcclTorchTargets)
  if(BYZCCL_TORCH_WITH_CUDA)
    install(TARGETS byzccl_torch_cuda LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  endif()
  install(FILES torch_ext/csrc/byzccl_reducer.hpp torch_ext/csrc/byzccl_torch.hpp TYPE INCLUDE)
  install(EXPORT byzcclTorchTargets NAMESPACE byzccl:: DESTINATION ${package_dir})
  install(FILES cmake/TorchWheel.cmake DESTINATION ${package_dir})

  # Highway's library comes along (where it is a shared one): the machine that a wheel is installed
  # on need not have it.
  set(python_libraries byzccl byzccl_torch byzccl_python)
  if(BYZCCL_TORCH_WITH_CUDA)
    list(APPEND python_libraries byzccl_cuda byzccl_torch_cuda)
  endif()
  install(TARGETS ${python_libraries} RUNTIME_DEPENDENCY_SET python_needs
    LIBRARY DESTINATION byzccl COMPONENT python NAMELINK_SKIP EXCLUDE_FROM_ALL)
  install(RUNTIME_DEPENDENCY_SET python_needs
    PRE_INCLUDE_REGEXES "^libhwy\\." PRE_EXCLUDE_REGEXES ".*"
    LIBRARY DESTINATION byzccl COMPONENT python EXCLUDE_FROM_ALL)
endif()
