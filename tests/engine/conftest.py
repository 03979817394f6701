"""The engines that expressions and evaluations are tried on."""

from homes import home

__all__ = ["home"]
