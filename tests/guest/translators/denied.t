# A user sets no translator on another's node, and a translator runs as the owner of its node.

  $ touch roots; chmod 644 roots; settrans -a roots /hurd/hello; chmod 755 .
  $ login -f -c "cd $PWD; settrans -a roots /hurd/hello; settrans -g roots; settrans roots /hurd/hello" alice
  settrans: roots: Operation not permitted
  settrans: roots: Operation not permitted
  settrans: roots: Operation not permitted
  [1]
  $ cat roots
  Hello, world!
  $ settrans -x
  usage: settrans * (glob)
         * (glob)
  [2]
  $ settrans -C node
  usage: settrans * (glob)
         * (glob)
  [2]
  $ touch n; settrans -a n /nowhere
  settrans: n: No such file or directory
  [1]
  $ settrans -a n /bin/true
  settrans: n: Translator died
  [1]
  $ settrans -at 1 n /bin/sleep 100
  settrans: n: Translator died
  [1]
  $ mkdir d; settrans -C d /hurd/tmpfs 1M -- /bin/ls
  settrans: /bin/ls: No such file or directory
  [1]
