# A user attacks every server that she can reach; everybody is served as before, and nothing of her is left.

@program /tests/bin/test-hostile
@timeout 2400
