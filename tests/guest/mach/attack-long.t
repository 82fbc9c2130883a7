# The same, ten thousand times.

@program /tests/bin/test-mach-attack long counted
@counted
@long
@timeout 21600
