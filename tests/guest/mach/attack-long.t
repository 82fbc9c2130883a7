# The same, ten thousand times.

@program /tests/bin/test-mach-attack long
@long
@timeout 3600
