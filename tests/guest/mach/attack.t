# Hostile tasks against the mach server: each leaves the others what they had, at the cost that it had, and nothing of
# itself.

@program /tests/bin/test-mach-attack counted
@counted
@timeout 1200
