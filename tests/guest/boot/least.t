# Not much memory is needed.

@memory 32M

  $ ls /bin | grep -x ls
  ls
