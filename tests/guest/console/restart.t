# The console's driver is killed: another one takes its place, and the terminal goes on.

@console
  < login:
  > root
  < #
  > kill -9 $(ps -A | grep ' console --kind' | grep -v grep | cut -c1-5)
  < #
  > echo still $((40 + 2))
  < still 42
