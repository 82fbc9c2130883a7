# A translator that is killed fails its clients with an error, and its node can be given another one.

  $ mkdir m; settrans -a m /hurd/tmpfs 1M; echo data > m/f; cat m/f
  data
  $ pid_of() { ps -A | while read pid parent state time command; do case $command in "$1") echo $pid;; esac; done; }
  $ (while cat m/f >/dev/null 2>&1; do :; done; echo reader ended) & sleep 1; kill -9 $(pid_of '/hurd/tmpfs 1M'); wait
  reader ended
  $ cat m/f
  cat: m/f: No such file or directory
  [1]
  $ settrans -a m /hurd/tmpfs 1M; echo again > m/g; cat m/g
  again
