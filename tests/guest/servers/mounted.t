# A second file system and a store are killed while clients use them: these get errors and go on, and what is recorded in
# a node starts again.

  $ pid_of() { ps -A >list; while read pid parent state time command; do case $command in "$1") echo $pid;; esac; done <list; }
  $ mkdir m; settrans -a m /hurd/ext2fs -r $ROOT_DISK
  $ (while ls -R m/hurd >/dev/null 2>&1; do :; done; echo reader ended) & sleep 1; kill -9 $(pid_of "/hurd/ext2fs -r $ROOT_DISK"); wait
  reader ended
  $ ls m
  $ settrans -a m /hurd/ext2fs -r $ROOT_DISK; ls m/etc/hostname
  m/etc/hostname
  $ echo data >f; touch s; settrans s /hurd/storeio $PWD/f; cat s
  data
  $ (while cat s >/dev/null 2>&1; do :; done) & r=$!; sleep 1; kill -9 $(pid_of "/hurd/storeio $PWD/f"); sleep 1; cat s; kill $r 2>/dev/null; wait
  data
