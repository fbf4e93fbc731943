"""The parts of the page: ONE FILE PER PART, each with `tell(story)`, which is empty where nothing is known."""
