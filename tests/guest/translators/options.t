# A translator's options are read and changed while it runs, and recorded with it.

  $ touch node
  $ settrans node /hurd/hello --contents=Salve
  $ showtrans node
  /hurd/hello --contents=Salve
  $ cat node
  Salve (no-eol)
  $ fsysopts node
  hello --contents=Salve
  $ fsysopts node --contents=Ave
  $ cat node
  Ave (no-eol)
  $ fsysopts node --loud
  fsysopts: node: Invalid argument
  [1]
  $ settrans -g node; cat node
  $ showtrans node
  [1]
