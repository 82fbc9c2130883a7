# A passive translator that was killed is started again by the next look-up.

  $ echo x > /dev/full
  sh: write error: No space left on device (glob)
  [1]
  $ pid_of() { ps -A | while read pid parent state time command; do case $command in "$1") echo $pid;; esac; done; }
  $ before=$(pid_of /hurd/full); kill -9 $before
  $ cat /dev/full | head -c 4 | cksum
  3975907619 4
  $ after=$(pid_of /hurd/full); test "$before" != "$after"; echo $?
  0
