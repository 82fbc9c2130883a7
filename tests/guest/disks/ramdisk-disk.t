# A disk without a root file system is not taken for the root.

@ramdisk
@disk 8M ext2
@disk 8M

  $ ls /dev/disk
  vd0
  vd1
  $ fsysopts /
  --readonly memory:3:* (glob)
  $ mkdir m; settrans -a m /hurd/ext2fs --readonly /dev/vd0; ls m
  lost+found
