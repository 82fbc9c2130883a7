# A second disk is /dev/vd1, and its file system can be used.

@disk 8M ext2

  $ mkdir m; settrans -a m /hurd/ext2fs --readonly /dev/vd1
  $ ls m
  lost+found
