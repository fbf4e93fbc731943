"""The steps of training that libraries leave slow: in native code for CPUs, and in plain torch for the rest."""

from mamebert.kernels.native import Status, status, torch_only

__all__ = ["Status", "status", "torch_only"]
