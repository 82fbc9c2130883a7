# A disk without a file system is no root disk.

@rootless
@disk 8M
@console
  < no disk holds an ext2 file system
