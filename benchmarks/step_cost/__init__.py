# SPDX-License-Identifier: MIT
"""What a robust step costs over processes, beside plain Gloo and plain DDP in the same run."""
