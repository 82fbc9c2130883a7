# SATA disks behind AHCI: the root file system lies on the first, others are read and written. A CD drive is no disk.

@machine sata
@disk 24M
@disk 8M ext2

  $ ls /dev/sata/
  sd0
  sd1
  sd2
  $ fsysopts /
  --readonly dir:3:sd0
  $ cat /hurd/* > data; dd if=data of=/dev/sd1 bs=64k seek=16 2>/dev/null; sync
  $ dd if=/dev/sd1 bs=64k skip=16 2>/dev/null | head -c $(wc -c < data) | cmp - data && echo the same
  the same
  $ printf abc | dd of=/dev/sd1 bs=1 seek=1048999 2>/dev/null; dd if=/dev/sd1 bs=1 skip=1048998 count=5 2>/dev/null | tail -c 4 | head -c 3
  abc (no-eol)
  $ dd if=/dev/sd1 bs=1024 skip=1024 count=1 2>/dev/null | head -c 423 > head; head -c 423 data | cmp head - && echo what is around stays
  what is around stays
  $ printf x | dd of=/dev/sd1 bs=1M seek=24 2>/dev/null
  [1]
  $ mkdir m; settrans -a m /hurd/ext2fs --readonly /dev/sd2; ls m
  lost+found
