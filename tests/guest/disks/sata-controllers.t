# Disks behind several AHCI controllers of an older machine are driven at the same time, and keep what is written to them.

@machine pc-sata
@disk 16M
@disk 16M

  $ ls /dev/sata/
  sd0
  sd1
  sd2
  $ cat /hurd/* > data
  $ dd if=data of=/dev/sd1 bs=64k 2>/dev/null & dd if=data of=/dev/sd2 bs=48k seek=3 2>/dev/null & cat /hurd/* | cmp - data; wait; sync
@reboot
  $ cat /hurd/* > data
  $ head -c $(wc -c < data) /dev/sd1 | cmp - data && echo the same
  the same
  $ dd if=/dev/sd2 bs=48k skip=3 2>/dev/null | head -c $(wc -c < data) | cmp - data && echo the same
  the same
