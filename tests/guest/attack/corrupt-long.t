# As corrupt, with ten thousand images.

@program /tests/bin/test-corrupt long
@timeout 1800
@long
