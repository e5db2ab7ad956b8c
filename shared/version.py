"""Which version this is. Here, not in the metadata of an installed package: the image holds sources alone."""

VERSION = "0.1.0"
