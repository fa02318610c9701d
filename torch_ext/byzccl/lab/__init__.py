# SPDX-License-Identifier: MIT
"""Experiments: workers on this machine, some of them Byzantine, trained with and without byzccl."""
