# SPDX-License-Identifier: MIT
"""Small changes of the kernels that the tests must notice (`make mutants`)."""
