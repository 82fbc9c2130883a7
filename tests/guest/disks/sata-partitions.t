# Partitions of SATA disks, by a PC table and by a GUID table, are files of their own, which keep to their borders; a file
# system can lie in one.

@machine sata
@disk 16M
@disk 16M
@disk 2M ext2

  $ put() { printf "$3" | dd of=$1 bs=1 seek=$2 2>/dev/null; }
  $ put /dev/sd1 446 '\000\376\377\377\203\376\377\377\000\010\000\000\000\010\000\000\000\376\377\377\203\376\377\377\000\020\000\000\000\020\000\000'; put /dev/sd1 510 '\125\252'
  $ put /dev/sd2 446 '\000\376\377\377\356\376\377\377\001\000\000\000\377\177\000\000'; put /dev/sd2 510 '\125\252'
  $ put /dev/sd2 512 '\105\106\111\040\120\101\122\124\000\000\001\000\134\000\000\000\004\013\205\153\000\000\000\000\001\000\000\000\000\000\000\000\377\177\000\000\000\000\000\000\042\000\000\000\000\000\000\000\336\177\000\000\000\000\000\000\231\231\231\231\042\042\063\063\104\104\125\125\125\125\125\125\002\000\000\000\000\000\000\000\200\000\000\000\200\000\000\000\356\023\267\257'
  $ put /dev/sd2 1024 '\257\075\306\017\203\204\162\107\216\171\075\151\330\107\175\344\021\021\021\021\042\042\063\063\104\104\125\125\125\125\125\125\000\010\000\000\000\000\000\000\377\027\000\000\000\000\000\000\000\000\000\000\000\000\000\000\141'
  $ put /dev/sd2 1152 '\257\075\306\017\203\204\162\107\216\171\075\151\330\107\175\344\146\146\146\146\042\042\063\063\104\104\125\125\125\125\125\125\000\030\000\000\000\000\000\000\377\037\000\000\000\000\000\000\000\000\000\000\000\000\000\000\142'
  $ dd if=/dev/sd3 of=/dev/sd1 bs=64k seek=32 count=32 2>/dev/null
  $ sync
@reboot
  $ ls /dev/sata/
  sd0
  sd1
  sd1s1
  sd1s2
  sd2
  sd2s1
  sd2s2
  sd3
  $ wc -c < /dev/sata/sd1s1; wc -c < /dev/sata/sd2s1; wc -c < /dev/sata/sd2s2
  1048576
  2097152
  1048576
  $ cat /hurd/* | head -c 3000000 > data; cat data > /dev/sata/sd2s1
  cat: write error: No space left on device
  [1]
  $ head -c 2097152 data | cmp - /dev/sata/sd2s1 && echo the same
  the same
  $ dd if=/dev/sd2 bs=64k skip=16 count=32 2>/dev/null | cmp - /dev/sata/sd2s1 && echo the same
  the same
  $ tr -d '\0' < /dev/sata/sd2s2 | wc -c
  0
  $ mkdir m; settrans -a m /hurd/ext2fs --readonly /dev/sata/sd1s2; ls m
  lost+found
