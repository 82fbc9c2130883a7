# A file system in memory lies over a folder until it goes away.

  $ mkdir m; echo below > m/f
  $ settrans -a m /hurd/tmpfs 1M
  $ ls m
  $ echo above > m/g; cat m/g
  above
  $ settrans -g m; ls m
  f

# Who works in it keeps it; who has only looked up a name through it does not.

  $ settrans -a m /hurd/tmpfs 1M; cd m; settrans -g ../m
  settrans: ../m: Device or resource busy
  [1]
  $ cd ..; echo again > m/h; cat m/h; settrans -g m; ls m
  again
  f
