# Ten thousand ports, a million calls, a million look-ups and a hundred thousand tasks leave nothing behind.

@long
@program /tests/bin/test-mach-load long
@timeout 1800
