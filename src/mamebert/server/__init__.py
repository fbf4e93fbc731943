"""Answers over HTTP: queues and workers (`engine`), routes that clients know (`api`), and a `page` to try them."""
