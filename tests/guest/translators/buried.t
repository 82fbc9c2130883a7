# Of translators that have ended nothing is left, though the file systems that started them never wait for them.

  $ for i in 1 2 3; do
  >   echo x > /dev/null; kill -9 $(ps -A | grep '/hurd/null$' | cut -c1-5)
  > done
  $ echo x > /dev/null; sleep 1
  $ ps -A | grep -c '/hurd/null$'
  1
  $ ps -A | cut -c13 | grep -c Z
  0
  [1]
