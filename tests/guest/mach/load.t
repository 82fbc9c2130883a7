# Many ports, tasks, calls and look-ups leave nothing behind: a tenth of what the test with the same name and `long` does.

@program /tests/bin/test-mach-load
@timeout 300
