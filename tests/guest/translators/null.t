# /dev/null swallows what is written and is always at its end.

  $ echo text > /dev/null
  $ cat /dev/null
  $ showtrans /dev/null
  /hurd/null
