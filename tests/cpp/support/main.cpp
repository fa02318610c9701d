// SPDX-License-Identifier: MIT
// Catch2 version 2 needs its main compiled once; version 3 brings its own.

#if !defined(BYZCCL_CATCH2_V3)
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#endif
