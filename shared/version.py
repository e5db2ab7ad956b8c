"""Which version this is. Here, not in the installed package's metadata: the image holds our sources, and no package."""

VERSION = "0.1.0"
