# A command's status is what the next one sees.

  $ true
  $ false
  [1]
  $ false; echo $?
  1
  $ sh -c 'exit 42'
  [42]
  $ true && echo yes || echo no
  yes
  $ false && echo yes || echo no
  no
  $ ! true
  [1]
  $ no-such-program 2>/dev/null
  [127]
