# The memory card and its partitions are files; the root file system is on the second one.

@board rpi3

  $ ls /dev/card
  mmc0
  mmc0s1
  mmc0s2
  $ dd if=/dev/mmc0 bs=512 count=1 2>/dev/null | tail -c 2 | cksum
  334692441 2
  $ dd if=/dev/mmc0s1 bs=1 skip=71 count=9 2>/dev/null; echo
  HIRD-BOOT
  $ dd if=/dev/mmc0 bs=1M skip=65 count=1 2>/dev/null | cksum > whole; dd if=/dev/mmc0s2 bs=1M count=1 2>/dev/null | cksum > part; cmp whole part
