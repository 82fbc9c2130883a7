# /dev/zero gives zeros without end.

  $ head -c 5 /dev/zero | od -An -tx1 | tr -d ' '
  0000000000
