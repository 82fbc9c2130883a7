# An ordinary user's handle: what she makes of it, and what she does not.

@user alice
@program /tests/bin/test-auth
