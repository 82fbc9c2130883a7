# Without a disk the system says what is missing.

@rootless
@console
  < no disk holds an ext2 file system
  < attach a disk with a root file system
