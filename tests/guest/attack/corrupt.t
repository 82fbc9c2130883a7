# A thousand damaged ext2 images are served one after the other: there are errors or data, and nothing worse.

@program /tests/bin/test-corrupt
@timeout 300
