"""The record of a build, and how to make it again from that."""
