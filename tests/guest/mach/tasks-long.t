# A thousand tasks at once, and threads that are stopped at any moment, for long.

@long
@program /tests/bin/test-mach-tasks long
@timeout 1800
