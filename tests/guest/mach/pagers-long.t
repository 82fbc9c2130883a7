# A pager that says anything at any time, ten times as long.

@long
@program /tests/bin/test-mach-pagers long
@timeout 600
