# /dev/full gives zeros, and has no room.

  $ echo x 2>/dev/null >/dev/full
  [1]
  $ cat /bin/cat >/dev/full
  cat: write error: No space left on device
  [1]
  $ head -c 5 /dev/full | tr "\\000" z; echo
  zzzzz
