"""The REST API: the service's answers for other programs. See docs/api.md."""
