# SPDX-License-Identifier: MIT
# For the sources with mutants: what reads past an array, or what nobody wrote, shows. gcc otherwise
# takes it that no loop goes past its array, and drops the mutants that do.
cmake_language(
  DEFER CALL target_compile_options gpu_on_cpu PRIVATE
  -fno-aggressive-loop-optimizations -ftrivial-auto-var-init=pattern
  -fsanitize=bounds -fsanitize-undefined-trap-on-error)
cmake_language(DEFER CALL target_compile_definitions byzccl PRIVATE _GLIBCXX_ASSERTIONS)
# A literal that went through an operator of a mutant is a constant no more.
cmake_language(DEFER CALL target_compile_options byzccl PRIVATE -Wno-sign-compare)
