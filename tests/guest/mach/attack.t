# Hostile tasks against the mach server: each leaves the others what they had, and nothing of itself.

@program /tests/bin/test-mach-attack
@timeout 300
