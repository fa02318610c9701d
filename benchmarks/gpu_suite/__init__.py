# SPDX-License-Identifier: MIT
"""Builds, tests and measures everything CUDA in one go (`make gpu-suite`)."""
