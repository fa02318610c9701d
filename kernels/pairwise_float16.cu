// SPDX-License-Identifier: MIT
#include "kernels/pairwise_launch.cuh"

namespace byzccl::kernels {

template void launch_pairs<Float16>(const Vectors&, const Strips&, double*, cudaStream_t);
template void launch_norms<Float16>(const Vectors&, const Strips&, double*, cudaStream_t);

}  // namespace byzccl::kernels
