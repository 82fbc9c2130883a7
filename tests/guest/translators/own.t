# A user sets a translator on her own node, and takes it away.

@user alice

  $ touch node
  $ settrans -a node /hurd/hello
  $ cat node
  Hello, world!
  $ settrans -g node
  $ cat node
