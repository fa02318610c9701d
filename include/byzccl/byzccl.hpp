// SPDX-License-Identifier: MIT
// Everything public.

#pragma once

#include <byzccl/aggregate.hpp>
#include <byzccl/attack.hpp>
#include <byzccl/attack_transport.hpp>
#include <byzccl/communicator.hpp>
#include <byzccl/dtype.hpp>
#include <byzccl/error.hpp>
#include <byzccl/local_transport.hpp>
#include <byzccl/meeting_failure.hpp>
#include <byzccl/node.hpp>
#include <byzccl/report.hpp>
#include <byzccl/rule.hpp>
#include <byzccl/transport.hpp>
#include <byzccl/version.hpp>
