# /dev/zero gives zeros without end.

  $ head -c 5 /dev/zero | tr "\\000" z; echo
  zzzzz
