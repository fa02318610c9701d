// SPDX-License-Identifier: MIT
#include <byzccl/error.hpp>

namespace byzccl {

void throw_invalid_argument(const std::string& message) { throw InvalidArgument(message); }

}  // namespace byzccl
