# As hostile, with many more messages.

@program /tests/bin/test-hostile long
@timeout 1800
@long
