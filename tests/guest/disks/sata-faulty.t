# Where a SATA disk fails, a request fails, and the log says so; the disk is reset, and all else of it can be read.

@machine sata-faulty

  $ head -c 100000 /dev/sd1 | wc -c
  ahci: port 5: Read(0, 128): the device failed with status * (glob)
  head: /dev/sd1: Input/output error
  0
  $ dd if=/dev/sd1 of=/dev/null bs=512 skip=100 count=1 2>/dev/null
  [1]
  $ dd if=/dev/sd1 bs=512 skip=99 count=1 2>/dev/null | wc -c
  512
  $ dd if=/dev/sd1 bs=64k skip=1 count=4 2>/dev/null | wc -c
  262144
