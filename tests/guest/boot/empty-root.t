# A file system without the programs of the system is no root.

@rootless
@disk 8M ext2
@console
  < servers/exec: no such file or directory
