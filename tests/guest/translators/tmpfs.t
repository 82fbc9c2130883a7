# A file system in memory lies over a folder until it goes away.

  $ mkdir m; echo below > m/f
  $ settrans -a m /hurd/tmpfs 1M
  $ ls m
  $ echo above > m/g; cat m/g
  above
  $ settrans -g m; ls m
  f
