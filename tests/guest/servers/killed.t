# Servers that are not essential are killed while clients use them: the clients get an error and go on, and the next
# look-up starts the servers again.

  $ pid_of() { ps -A >list; while read pid parent state time command; do case $command in "$1") echo $pid;; esac; done <list; }
  $ (dd if=/dev/zero of=/dev/null bs=4096 count=100000000 2>/dev/null; echo reader ended: $?) & sleep 1; kill -9 $(pid_of /hurd/zero); wait
  reader ended: 1
  $ head -c 4 /dev/zero | cksum
  3975907619 4
  $ (dd if=/dev/random of=/dev/zero bs=4096 count=100000000 2>/dev/null; echo reader ended: $?) & sleep 1; kill -9 $(pid_of /hurd/random); wait
  reader ended: 1
  $ head -c 4 /dev/random | wc -c
  4
  $ (while echo x; do :; done >/dev/null 2>&1; echo writer ended) & sleep 1; kill -9 $(pid_of /hurd/null); wait
  writer ended
  $ echo x >/dev/null
  $ touch h; settrans h /hurd/hello; cat h
  Hello, world!
  $ kill -9 $(pid_of /hurd/hello); cat h
  Hello, world!
  $ login -c 'id -un' alice
  alice
  $ kill -9 $(pid_of /hurd/password); login -c 'id -un' alice
  alice
  $ (sleep 1; kill -9 $(pid_of /hurd/pflocal)) & sleep 3 | cat; wait
  cat: -: The server died
  $ echo again | cat
  again
