// SPDX-License-Identifier: MIT
// Empty: see gloo/context.h.

#pragma once
