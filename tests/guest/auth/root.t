# The same for root.

@program /tests/bin/test-auth
