# Without a root disk, the root file system lies in the boot image. It is read-only, like the one on a disk.

@ramdisk

  $ ls -a /dev/disk/
  .
  ..
  $ cat /dev/vd0
  cat: /dev/vd0: No such file or directory
  [1]
  $ cat /etc/hostname
  hird
  $ echo x > /etc/new
  sh: cannot create /etc/new: Read-only file system
  [2]
  $ fsysopts /
  --readonly memory:3:* (glob)
  $ find /bin /hurd -type f > all; while read -r f; do cat $f > /dev/null || echo "$f cannot be read"; done < all
