"""The engines that laws are tried on."""

from homes import home

__all__ = ["home"]
