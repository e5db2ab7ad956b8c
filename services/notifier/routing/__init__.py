"""The receivers file: whom each alert concerns, and where they are reached."""
