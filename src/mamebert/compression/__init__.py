"""Smaller and faster: methods, one file each, and the toolboxes they share."""
