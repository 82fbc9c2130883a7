# A session is charged to an account of its own: what one user exhausts, another one and the system still have.

@timeout 120

  $ login -f -c '/tests/bin/test-mach-accounts hog' alice > /tmp/hog &
  $ until grep exhausted /tmp/hog; do sleep 0.1; done
  the account is exhausted
  $ login -f -c 'cd /tmp && echo hers > bob && cat bob && ls -l bob && seq 1 500 | tail -n 1' bob
  hers
  -rw-r--r-- 1 bob * 5 * bob (glob)
  500
  $ login -f -c '/tests/bin/test-mach-accounts hog' bob > /tmp/hog2 &
  $ until grep exhausted /tmp/hog2; do sleep 0.1; done
  the account is exhausted
  $ echo the system goes on | tr a-z A-Z
  THE SYSTEM GOES ON
  $ login -f -c 'id -u; vmstat | grep -c limit' alice
  1000
  3
  $ vmstat | grep -c limit
  0
  [1]
  $ hog='/tests/bin/test-mach-accounts hog'; ps -A > list
  $ while read pid parent state time command; do case $command in "$hog") kill -9 $pid;; esac; done < list; wait
