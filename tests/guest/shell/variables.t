# Variables are expanded, exported, and kept from a subshell.

  $ x=5; y='a  b'
  $ echo $x "$y" $y '$x'
  5 a  b a b $x
  $ echo ${z:-none} ${#y} $((x * 2 + 1))
  none 4 11
  $ (x=6; echo $x); echo $x
  6
  5
  $ export x; sh -c 'echo $x'
  5
  $ echo $(echo inner) `echo old`
  inner old
