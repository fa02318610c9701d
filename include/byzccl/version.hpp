// SPDX-License-Identifier: MIT
// The version, once: CMake and Python read it from here.

#pragma once

#define BYZCCL_VERSION "0.1.0"
