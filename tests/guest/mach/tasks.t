# Tasks and threads: a thousand at once, and all that becomes of them.

@program /tests/bin/test-mach-tasks
@timeout 300
