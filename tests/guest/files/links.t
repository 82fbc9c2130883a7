# Links lead to their file.

  $ echo text > f; ln f hard; ln -s f soft
  $ cat hard soft
  text
  text
  $ readlink soft
  f
  $ rm f; cat hard
  text
  $ cat soft 2>/dev/null
  [1]
  $ ln -s loop loop; cat loop 2>/dev/null
  [1]
