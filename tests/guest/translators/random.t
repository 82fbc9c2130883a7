# /dev/random gives as much as is asked for, and never the same.

  $ head -c 100000 /dev/random | wc -c | tr -d ' '
  100000
  $ head -c 32 /dev/random >a; head -c 32 /dev/random >b; head -c 32 /dev/urandom >c
  $ cmp -s a b; echo $?; cmp -s b c; echo $?
  1
  1

What is written is mixed in.

  $ echo noise >/dev/random
