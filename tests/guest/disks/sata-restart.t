# The driver of SATA disks is killed while a file system reads and a store writes: the driver is started again, what was in
# flight is done again, and no file is damaged.

@machine pc-sata
@disk 16M
@timeout 100

  $ pid_of() { ps -A >list; while read pid parent state time command; do case $command in $1*) echo $pid;; esac; done <list; }
  $ cat /hurd/* > data; touch s; settrans -a s /hurd/storeio /dev/sd1
  $ mkdir m; settrans -a m /hurd/ext2fs -r /dev/sd0
  $ (cat m/hurd/* > read; echo read ended: $?) > result & dd if=data of=s bs=64k 2>/dev/null & i=0; while [ $i -lt 12 ]; do kill -9 $(pid_of ahci) 2>/dev/null; sleep 0.3; i=$((i + 1)); done; wait; cat result
  read ended: 0
  $ cmp data read && head -c $(wc -c < data) s | cmp - data && echo the same
  the same
  $ head -c $(wc -c < data) /dev/sd1 | cmp - data && echo the same
  the same
  $ ls /dev/sata/
  sd0
  sd1
