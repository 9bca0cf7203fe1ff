"""Pictures of all moments in one run of bytes, for pages without a server."""
