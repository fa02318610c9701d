// SPDX-License-Identifier: MIT
#include <byzccl/dtype.hpp>

namespace byzccl {

std::string_view to_text(DType dtype) {
  switch (dtype) {
    case DType::kFloat16:
      return "float16";
    case DType::kBFloat16:
      return "bfloat16";
    case DType::kFloat64:
      return "float64";
    case DType::kFloat32:
      break;
  }
  return "float32";
}

}  // namespace byzccl
