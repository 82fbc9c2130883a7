# A command below a translator that is set nowhere: it sees another root, and the node is as before.

  $ mkdir d; settrans -C d /hurd/ext2fs -r $ROOT_DISK -- /bin/sh -c 'pwd; ls /hurd/ext2fs; echo > /x'
  /
  /hurd/ext2fs
  /bin/sh: cannot create /x: Read-only file system
  [2]
  $ showtrans d; ls d
